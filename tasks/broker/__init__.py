"""The ledger and a broker outside: submission, reconciliation, resets, funding, orders of unknown outcome.

Start with `submission`, then `reconciliation`.
"""
