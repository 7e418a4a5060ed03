"""The pure heart of memva: entities, their rules, and the ports that adapters implement."""
