"""Fetch what the store lacks and stage it for validation.

Start with `ingest`.
"""
