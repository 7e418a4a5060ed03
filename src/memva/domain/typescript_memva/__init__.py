"""What the TypeScript Memva kept, and what it is here: pure rules, and the port to its database."""
