"""Presentation of a run: its name, progress, interruption and final state."""
