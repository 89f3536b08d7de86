"""Which of a job's symbols may be used where no single day is to be traded, and what is said where none may."""

from dataclasses import dataclass

from tasks.run.job import Job
from tasks.validation.gate import NO_BARS, Gate, NothingPublishable


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What symbols are wanted for: the sentence where it fails, the option that names the day, and who refuses it."""

    failing: str
    option: str
    refused: type[ValueError]


def usable(job: Job, gate: Gate, use: Use) -> tuple[str, ...]:
    """The symbols that the gate does not hold back, at least one.

    Raises the refusal of the use if none has a bar up to the job's day, and NothingPublishable if all that have are
    held back.
    """
    symbols = tuple(symbol for symbol in job.symbols if symbol not in gate.held_back)
    if symbols:
        return symbols
    if all(finding.expectation == NO_BARS for finding in gate.findings):
        raise use.refused(
            f"no bar of {', '.join(job.symbols)} is dated {job.as_of} or earlier; choose a later {use.option}"
        )
    raise NothingPublishable(f"{use.failing}: {'; '.join(sorted(gate.held_back.values())[:3])}")


def remarks(gate: Gate) -> tuple[str, ...]:
    """The warnings that name what is left out, and those of the gate itself."""
    return (*(f"{reason}; it is left out" for _, reason in sorted(gate.held_back.items())), *gate.warnings)
