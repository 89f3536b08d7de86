"""Persistent state: bars, models, the ledger and reports."""
