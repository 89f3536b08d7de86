"""Commands on an account, one a module: run its day, look at it, halt it, explain its orders."""
