"""Accounts to compare with: daily returns, a plain torch loop over an account, and a ledger read back whole."""
