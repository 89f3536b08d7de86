"""Checks of the installation, each with a remedy.

Start with `checks`.
"""
