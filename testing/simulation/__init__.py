"""Simulated days of an account at the fake exchange, with faults drawn from a seed and processes killed anywhere.

After each day `checks` compares the store with the exchange's own books. Start with `year`.
"""
