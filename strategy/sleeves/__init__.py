"""The sleeves of an account that runs several strategies: what each holds and has earned, in virtual ledgers.

Everything is a share of what the account itself has booked, replayed from its record: nothing here decides or trades.
Start with `ledgers`.
"""
