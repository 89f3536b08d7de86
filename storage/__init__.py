"""What survives the process: bars, models, the ledger and reports."""
