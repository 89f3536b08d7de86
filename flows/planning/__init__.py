"""Decide once what a run is for: its day, symbols, rules, adapters and keys.

Start with `plan`.
"""
