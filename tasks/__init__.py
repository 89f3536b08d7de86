"""The steps of a day as Prefect tasks: load, call the strategy, save; and what people see of it."""
