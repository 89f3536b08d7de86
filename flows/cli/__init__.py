"""The command line: options in, one answer out, and an exit code.

`main` registers the commands; the packages below hold them.
"""
