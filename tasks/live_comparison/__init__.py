"""Live accounts beside a backtest of the same strategy and plan: what was expected, what came, and what it cost.

Start with `finding`, which looks for such accounts in the home; `section` puts what it finds into the report.
"""
