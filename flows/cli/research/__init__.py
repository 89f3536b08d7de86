"""Commands on history: backtest grids, backfill and audits."""
