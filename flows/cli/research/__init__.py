"""Commands on history, one a module: backtests and their grids, models, audits, backfills."""
