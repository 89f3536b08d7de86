"""What a broker outside the process reports, as changes of an account: fills, a day's booking, a takeover of its books.

Start with `fills`.
"""
