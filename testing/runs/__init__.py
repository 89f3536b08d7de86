"""Jobs with networks that train in a blink, the steps of a day without Prefect, and report pages. Start with `jobs`."""
