"""What is known of symbols: bars, instruments and what the gate found, as plain values.

Knows nothing of accounts or signals. Start with `bars`.
"""
