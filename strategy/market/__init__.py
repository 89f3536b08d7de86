"""Market data as plain values: bars, instruments and the findings of the data gate.

Independent of accounts and signals. Start with `bars`.
"""
