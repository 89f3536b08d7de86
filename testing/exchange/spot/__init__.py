"""The fake exchange's spot venue: its orders and answers, and the balances behind them. Start with `venue`."""
