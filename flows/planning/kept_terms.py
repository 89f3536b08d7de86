"""A run under the terms that its account keeps, whatever the defaults are by now, unless another value was given."""

from dataclasses import replace

from pydantic import JsonValue

from exchange.ports import BarSource
from flows.config.settings import Settings, with_values
from flows.config.wall_clock import clock
from flows.planning.base_currency import demand_base_kept
from flows.planning.plan import Request, financed, outline
from storage.database import DATABASE_NAME, connect
from strategy.builtin.registry import BUILT_IN
from tasks.data.rates import YAHOO
from tasks.run.job import Job
from tasks.run.kept_terms import TERMS, Terms, canonical, last_settled, newest_terms, terms_among, terms_on


def on_kept_terms(settings: Settings, outlined: Job) -> Job:
    """Return the job under the terms of its account on the job's day; a new account takes those of the settings.

    A term that was given as an option, in the environment or in the file, and differs from the one kept, is in force
    from the account's first unsettled day on. Raises ConfigurationError for a kept value that is outside its limits,
    RatesMissing if the account's rates have none for the job's day, UsageError for another currency than the account's,
    and what `financing` raises.
    """
    kept, in_force = _terms(settings, outlined)
    job = financed(with_values(settings, in_force), replace(outlined, terms=canonical(kept)))
    # Without a rate for this day the account could not settle its next one.
    job.policy.costs.financing.at(job.as_of)
    return job


def demand_rates(settings: Settings, source: BarSource, account: str) -> None:
    """Raise what the account's first run would if its rates have none for the newest bars; see `on_kept_terms`.

    Rates of Yahoo are not asked for: they come with each day, and may be out of reach now. Raises RatesMissing,
    RatesRefused, RequestRefused, and what the source raises.
    """
    # No rate depends on the strategy, and the user's own may take a process and an audit to load.
    outlined = outline(settings, source, Request(account=account, clock=clock()), BUILT_IN["hold"])
    if _terms(settings, outlined)[0]["rates"] != YAHOO:
        on_kept_terms(settings, outlined)


def _terms(settings: Settings, job: Job) -> tuple[Terms, Terms]:
    """Return the terms of the account's first unsettled day, and those of the job's day."""
    own = terms_among(job.policy.config)
    if not (job.home / DATABASE_NAME).is_file():
        return own, own
    base = own["base_currency"]
    with connect(job.home) as store:
        kept, last = newest_terms(store, job.account), last_settled(store, job.account)
        settled = terms_on(store, job.account, job.as_of) if last is not None and last >= job.as_of else None
        if kept is not None:
            demand_base_kept(store, job.account, _text(kept["base_currency"]), _text(base))
    if kept is None:
        return own, own
    wanted = {**kept, **{name: own[name] for name in TERMS if name in settings.model_fields_set}}
    return wanted, wanted if settled is None else settled


def _text(value: JsonValue) -> str | None:
    return None if value is None else str(value)
