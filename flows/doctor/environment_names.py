"""Our names in the environment: settings, keys and the webhook; any other name with our prefix is a misspelling."""

import os
from difflib import get_close_matches

PREFIX = "TURBODMT_"


def known_names() -> tuple[str, ...]:
    """Return every environment name with our prefix that something reads."""
    from flows.config.settings import Settings
    from flows.planning.api_keys import VARIABLES
    from flows.scheduling.alerts import WEBHOOK

    return (*(f"{PREFIX}{name.upper()}" for name in Settings.model_fields), *VARIABLES, WEBHOOK)


def strange_names() -> tuple[str, ...]:
    """Return the names with our prefix in the environment that nothing reads, sorted."""
    ours = {name for name in os.environ if name.startswith(PREFIX)} - {f"{PREFIX}HOME"}
    return tuple(sorted(ours.difference(known_names()))) if ours else ()


def remedy_of(name: str) -> str:
    """Return what to do about a name that nothing reads.

    >>> remedy_of("TURBODMT_CAPITL")
    'did you mean TURBODMT_CAPITAL'
    """
    close = get_close_matches(name, known_names(), n=1, cutoff=0.8)
    return f"did you mean {close[0]}" if close else "unset it; docs/configuration.md lists all names"
