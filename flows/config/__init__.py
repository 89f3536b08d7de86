"""Settings, paths and the wall clock.

Start with `settings`.
"""
