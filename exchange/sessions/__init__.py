"""Trading calendars: the sessions of a symbol, and the times at which its bars are closed.

Start with `calendars`.
"""
