"""Commands on an account: halt, resume, status, adopt, explain, report."""
