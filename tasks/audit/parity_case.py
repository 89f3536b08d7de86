"""An account of the parity audit."""

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from tasks.run.job import Job

#: Why the model of an account stays in place.
KEPT = "the audit keeps who decides now"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An account to compare: its job on each of the days, and the model that decides (None for the rules)."""

    name: str
    jobs: tuple[Job, ...]
    model_id: str | None

    @property
    def days(self) -> tuple[date, ...]:
        """Return the account's days."""
        return tuple(job.as_of for job in self.jobs)

    def at(self, home: Path) -> Job:
        """Return the job of the last day, in another home."""
        return replace(self.jobs[-1], home=home)

    def moved(self, home: Path) -> "Case":
        """Return the account with its jobs in another home."""
        return replace(self, jobs=tuple(replace(job, home=home) for job in self.jobs))
