"""A run: its job, its record, and the answers of its commands.

Depends on no step of the day. Start with `job`.
"""
