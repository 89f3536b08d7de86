"""Settings, paths, exit codes and the wall clock.

Start with `settings`.
"""
