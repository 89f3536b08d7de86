"""Reports of an external broker as changes of an account: fills, the booking of a day, a takeover of its balances.

Start with `fills`.
"""
