"""Audits on the job's own bars: look-ahead, parity, the paper's claims and the twin's fidelity.

Start with `window`.
"""
