"""The services: what a host calls. Stateless functions that know nothing but the ports."""
