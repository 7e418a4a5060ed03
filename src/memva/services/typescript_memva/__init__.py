"""Importing the TypeScript Memva's database."""
