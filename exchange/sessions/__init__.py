"""When a symbol trades, and when its bar is closed.

Start with `calendars`.
"""
