"""Attribution: the net result of an account split into what earned it, in exact money that adds up.

Reads the record of an account's days, never an equity curve. Start with `contributions`.
"""
