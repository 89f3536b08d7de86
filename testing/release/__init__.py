"""Checks of a release: the wheel alone in a fresh environment, and the list of its parts."""
