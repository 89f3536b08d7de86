"""Speed of backtests: the compiled account, accounts in bulk, exact backtests, sweeps and their peers."""
