"""The report of a sweep: its grid as heat maps, and how much of the best point may be luck.

It draws what a sweep found and runs nothing. Start at `page`.
"""
