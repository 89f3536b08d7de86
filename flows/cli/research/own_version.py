"""The version of a strategy of the user's own in words, with the verdict of its audit."""

import shlex
from collections.abc import Mapping


def told_version(sha256: str | None, audit: str | None, parameters: Mapping[str, object]) -> str:
    """Return the version, and whether its audit with these parameters has passed; empty for a built-in strategy.

    >>> told_version("8c5da131832e" * 5, "passed", {})
    'Version 8c5da131832e, which has passed its audit on these symbols.'
    >>> told_version("8c5da131832e" * 5, "not audited", {"fast": 20})
    'Version 8c5da131832e, not audited: `turbodmt audit lookahead` with the same options and --set fast=20 audits it.'
    """
    if sha256 is None:
        return ""
    from tasks.backtest.answer import audit_in_words

    chosen = "".join(f" --set {shlex.quote(f'{name}={value}')}" for name, value in parameters.items())
    command = f"`turbodmt audit lookahead` with the same options{f' and{chosen}' if chosen else ''}"
    return audit_in_words(sha256, audit or "not audited", command)
