"""The outside world: where bars come from and where orders go."""
