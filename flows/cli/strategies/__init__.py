"""Commands on strategies of the user's own: list them, begin one, accept a change, and list what was tried."""
