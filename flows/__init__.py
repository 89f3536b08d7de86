"""Top floor: the clock, the settings, the schedules and the command line."""
