"""Planning of a run: its day, symbols, rules, adapters and keys, decided once.

Start with `plan`.
"""
