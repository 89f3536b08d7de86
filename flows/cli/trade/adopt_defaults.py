"""`turbodmt accounts adopt-defaults`: an account takes over the terms that a new account would have."""

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flows.config.settings import Settings
    from tasks.operations.adopt_defaults import AdoptedDefaultsAnswer


def run_adopt_defaults(home: str | None, account: str, reason: str) -> "AdoptedDefaultsAnswer":
    """Return the answer of the command. Raises UsageError, and what the account's source raises."""
    from flows.config.settings import load
    from tasks.operations.adopt_defaults import adopt_defaults, panel_of
    from tasks.run.kept_terms import terms_among

    settings = load({"home": home})
    source, symbols = panel_of(settings.home, account)
    if settings.rates is None and settings.financing_rate is None:
        # Which rates fit depends on what the account trades, whatever the settings name.
        settings = _with_rates_for(load({"home": home, "source": source, "symbols": symbols or None}))
    return adopt_defaults(settings.home, account, terms_among(json.dumps(settings.model_dump(mode="json"))), reason)


def _with_rates_for(settings: "Settings") -> "Settings":
    """Return the settings with the rates that fit their symbols."""
    from flows.planning.adapters import open_source
    from flows.planning.financing import with_rates
    from flows.planning.plan import wanted_symbols

    source = open_source(settings)
    return with_rates(settings, source.instruments(wanted_symbols(settings, source)))


def shown_adopted_defaults(answer: "AdoptedDefaultsAnswer") -> str:
    """Return in words what changes, and from when on."""
    from tasks.run.kept_terms import changed, in_words

    if not answer.changed:
        return f"Account {answer.account} has these terms already: {in_words(answer.terms)}; nothing changed."
    return (
        f"The terms of account {answer.account} change from {answer.in_force_from} on: "
        f"{changed(answer.before, answer.terms)}."
    )
