"""A run under the terms that its account keeps, whatever the defaults are by now, unless another value was given."""

from dataclasses import replace

from flows.config.settings import Settings, with_values
from flows.planning.financing import financing
from flows.planning.plan import run_config
from storage.database import DATABASE_NAME, connect
from tasks.run.job import Job
from tasks.run.kept_terms import TERMS, Terms, canonical, last_settled, newest_terms, terms_among, terms_on


def on_kept_terms(settings: Settings, job: Job) -> Job:
    """Return the job under the terms of its account on the job's day; a new account takes those of the settings.

    A term that was given as an option, in the environment or in the file, and differs from the one kept, is in force
    from the account's first unsettled day on. Raises ConfigurationError for a kept value that is outside its limits.
    """
    own = terms_among(job.policy.config)
    if not (job.home / DATABASE_NAME).is_file():
        return replace(job, terms=canonical(own))
    with connect(job.home) as store:
        kept, last = newest_terms(store, job.account), last_settled(store, job.account)
        settled = terms_on(store, job.account, job.as_of) if last is not None and last >= job.as_of else None
    if kept is None:
        return replace(job, terms=canonical(own))
    wanted = {**kept, **{name: own[name] for name in TERMS if name in settings.model_fields_set}}
    return _under(settings, replace(job, terms=canonical(wanted)), wanted if settled is None else settled)


def _under(settings: Settings, job: Job, terms: Terms) -> Job:
    kept = with_values(settings, terms)
    policy = run_config(kept, job.policy.strategy, financing(kept, job.currency, job.as_of, job.now))
    return replace(job, policy=policy)
