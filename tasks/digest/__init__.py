"""The digest: a day of an account in one message, short enough for a phone, sent at most once.

Start with `facts`; `wording` makes a text of them, and `sending` claims the day before it sends.
"""
