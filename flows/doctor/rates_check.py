"""The check of interest rates: which series accounts read, and up to which day it reaches."""

from datetime import timedelta
from pathlib import Path

from exchange.ports import SourceUnavailable
from flows.config.settings import Settings
from flows.config.wall_clock import clock
from flows.doctor.check import CheckAnswer
from flows.planning.adapters import open_source
from flows.planning.plan import Request, financed, outline
from storage.bars import rates as rate_store
from storage.database import Connection, connect
from storage.ledger import accounts as account_names
from strategy.account.interest_rates import CARRIED_DAYS, FinancingTerms, RateSeries
from strategy.builtin.registry import BUILT_IN
from tasks.data.rates import CONSTANT
from tasks.notices.excess_rates import above_zero
from tasks.run.kept_terms import Terms, newest_terms

_REMEDY = "set financing_rate = 0.05 in settings.toml, or rates that reach to the newest bars"


def rates_check(settings: Settings) -> CheckAnswer:
    """Return which rates a new account and each open one read, and up to when; failed if a new one could not start.

    Raises what the settings' source raises.
    """
    found: list[str] = []
    remedy = ""
    request = Request(account="new", clock=clock())
    try:
        job = financed(settings, outline(settings, open_source(settings), request, BUILT_IN["hold"]))
        terms = job.policy.costs.financing
        terms.at(job.as_of)
        found.append(f"new accounts: {_of_terms(terms)}")
    except SourceUnavailable:
        raise
    except ValueError as error:
        found.append(f"new accounts: {error}")
        remedy = _REMEDY
    found += _open_accounts(settings.home)
    return CheckAnswer(name="rates", ok=not remedy, detail="; ".join(found), remedy=remedy)


def _open_accounts(home: Path) -> list[str]:
    with connect(home) as store:
        kept = {name: newest_terms(store, name) for name in account_names.names(store)}
        return [f"{name}: {_of_kept(store, terms)}" for name, terms in kept.items() if terms is not None]


def _of_terms(terms: FinancingTerms) -> str:
    if terms.lacking is not None:
        return above_zero(terms)[0]
    return _flat(terms.flat_rate) if terms.flat_rate is not None else _reach(terms.risk_free)


def _of_kept(store: Connection, terms: Terms) -> str:
    if terms["financing_rate"] is not None:
        return _flat(terms["financing_rate"])
    name = str(terms["rates"])
    if name.startswith(CONSTANT):
        return name
    series = rate_store.load(store, name)
    return f"{name}, not read yet" if series is None else _reach(series)


def _flat(rate: object) -> str:
    return f"a flat rate of {rate}"


def _reach(series: RateSeries) -> str:
    """Return the name of the series, and its last day."""
    if series.unending:
        return series.name
    return f"{series.name}, up to {series.dates[-1] + timedelta(days=CARRIED_DAYS)}"
