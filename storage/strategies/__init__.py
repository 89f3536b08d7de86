"""Strategies of the user's own: copies of their files, accounts bound to them, and verdicts of their audits.

Start with `registrations`.
"""
