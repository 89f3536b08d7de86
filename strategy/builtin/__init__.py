"""The built-in strategies, each a module of the kind that a user writes, and their registry."""
