"""Speed of a day: the whole run, its signals, its store, and what Prefect costs."""
