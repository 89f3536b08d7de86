"""Run independent pieces of heavy work: here, in processes of this machine, or on Dask workers.

Start with `runner`.
"""
