"""Names of accounts: what is said of one that the ledger does not hold."""

from collections.abc import Sequence
from difflib import get_close_matches


def none_of(known: Sequence[str], account: str, if_none: str = "the ledger holds no account yet") -> str:
    """Return which accounts the ledger holds, and the one that was meant if a name is near.

    >>> none_of(["crypto", "daily"], "dayly"), none_of(["crypto", "daily"], "S")
    ('the ledger holds crypto, daily; did you mean daily?', 'the ledger holds crypto, daily; name one of these')
    >>> none_of([], "daily")
    'the ledger holds no account yet'
    """
    if not known:
        return if_none
    close = get_close_matches(account.lower().replace("_", "-"), known, n=1)
    remedy = f"did you mean {close[0]}?" if close else "name one of these"
    return f"the ledger holds {', '.join(known)}; {remedy}"
