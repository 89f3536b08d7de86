"""How a run shows itself and ends: its name, progress, final state and interruption."""
