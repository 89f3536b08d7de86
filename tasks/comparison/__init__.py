"""Saved backtests compared on the days that all of them have: figures, paired differences, and how much may be luck.

It reads what backtests saved and runs none. Start at `comparison`.
"""
