"""Figures and long studies that the documents quote, each a program of its own; its first lines say how it is run.

They may import the product and `testing`; of them all, tests import `mutants` alone. In the folder itself stand the
mutants, the simulated years, and the pictures and tables of the documents.
"""
