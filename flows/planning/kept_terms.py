"""A run under the terms that its account keeps, whatever the defaults are by now, unless another value was given."""

from dataclasses import replace

from flows.config.settings import Settings, with_values
from flows.planning.plan import financed
from storage.database import DATABASE_NAME, connect
from tasks.run.job import Job
from tasks.run.kept_terms import TERMS, Terms, canonical, last_settled, newest_terms, terms_among, terms_on


def on_kept_terms(settings: Settings, outlined: Job) -> Job:
    """Return the job under the terms of its account on the job's day; a new account takes those of the settings.

    A term that was given as an option, in the environment or in the file, and differs from the one kept, is in force
    from the account's first unsettled day on. Raises ConfigurationError for a kept value that is outside its limits,
    RatesMissing if the account's rates have none for the job's day, and what `financing` raises.
    """
    kept, in_force = _terms(settings, outlined)
    job = financed(with_values(settings, in_force), replace(outlined, terms=canonical(kept)))
    # Without a rate for this day the account could not settle its next one.
    job.policy.costs.financing.at(job.as_of)
    return job


def _terms(settings: Settings, job: Job) -> tuple[Terms, Terms]:
    """Return the terms of the account's first unsettled day, and those of the job's day."""
    own = terms_among(job.policy.config)
    if not (job.home / DATABASE_NAME).is_file():
        return own, own
    with connect(job.home) as store:
        kept, last = newest_terms(store, job.account), last_settled(store, job.account)
        settled = terms_on(store, job.account, job.as_of) if last is not None and last >= job.as_of else None
    if kept is None:
        return own, own
    wanted = {**kept, **{name: own[name] for name in TERMS if name in settings.model_fields_set}}
    return wanted, wanted if settled is None else settled
