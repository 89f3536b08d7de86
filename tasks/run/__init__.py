"""A run: its job, its record, and what its commands answer.

Knows no step. Start with `job`.
"""
