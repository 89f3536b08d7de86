"""The account's record: days, orders, broker events and runs, each row written once under its natural key.

Start with `days`.
"""
