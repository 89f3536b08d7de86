"""`turbodmt accounts adopt-defaults`: an account takes over the terms that a new account would have."""

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.operations.adopt_defaults import AdoptedDefaultsAnswer


def run_adopt_defaults(home: str | None, account: str, reason: str) -> "AdoptedDefaultsAnswer":
    """Return the answer of `turbodmt accounts adopt-defaults`. Raises UsageError."""
    from flows.config.settings import load
    from tasks.operations.adopt_defaults import adopt_defaults
    from tasks.run.kept_terms import terms_among

    settings = load({"home": home})
    return adopt_defaults(settings.home, account, terms_among(json.dumps(settings.model_dump(mode="json"))), reason)


def shown_adopted_defaults(answer: "AdoptedDefaultsAnswer") -> str:
    """Return in words what changes, and from when on."""
    from tasks.run.kept_terms import changed, in_words

    if not answer.changed:
        return f"Account {answer.account} has these terms already: {in_words(answer.terms)}; nothing changed."
    return (
        f"The terms of account {answer.account} change from {answer.in_force_from} on: "
        f"{changed(answer.before, answer.terms)}."
    )
