"""Selection of the symbols that the data gate does not hold back, for uses other than trading a single day."""

from dataclasses import dataclass

from tasks.run.job import Job
from tasks.validation.gate import NO_BARS, Gate, NothingPublishable


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """The use that symbols are wanted for: its failure sentence, the option that sets the day, and its exception."""

    failing: str
    option: str
    refused: type[ValueError]


def usable(job: Job, gate: Gate, use: Use) -> tuple[str, ...]:
    """Return the symbols that the data gate does not hold back, at least one.

    Raises `use.refused` if none has a bar up to the job's day, and NothingPublishable if all that have are held back.
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
    """Return the warnings that name the symbols left out, and those of the data gate itself."""
    return (*(f"{reason}; it is left out" for _, reason in sorted(gate.held_back.items())), *gate.warnings)
