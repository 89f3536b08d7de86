"""What an account earned, by what earned it, and the risk it took: as values, as an answer and as tables of a page.

Knows records of accounts, not where they come from. Start with `assessment`.
"""
