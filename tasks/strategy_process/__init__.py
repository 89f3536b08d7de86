"""A user's strategy file, run in a process of its own.

The bytes that are hashed are the bytes that are executed. The process has no network, no other process, no file outside
the interpreter and the packages, no environment variable and no clock. This finds mistakes, not malice: a strategy is
code with the rights of its user. It knows nothing of accounts, storage or commands. Start with `runner`; `child` is the
other side.
"""
