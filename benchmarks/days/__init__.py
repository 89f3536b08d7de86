"""Speed of a day: the whole run, its command, its signals, its store, and what Prefect costs."""
