"""The answer of `turbodmt backfill`, which the record of a finished run keeps."""

from datetime import date

from pydantic import JsonValue

from strategy.evaluation.metrics import Metrics
from tasks.run.answers import Answer, DayState, Exact, SleeveAnswer


class ModelChangeAnswer(Answer):
    """The day from which a model decided; null for the prior."""

    as_of: date
    model_id: str | None


class BackfillAnswer(Answer):
    """The account over all of its days; orders and fills are counts, since there may be thousands.

    `sleeves` is what those of an account with several strategies have earned. It is `partial` while its last day waits
    for symbols that are held back: the same command again asks for them.
    """

    account: str
    symbols: tuple[str, ...]
    strategy: str
    start: date
    end: date
    days_done: int
    days_skipped: int
    equity: Exact
    metrics: Metrics
    orders: int
    orders_withheld: int
    fills: int
    sleeves: tuple[SleeveAnswer, ...] = ()
    model_changes: tuple[ModelChangeAnswer, ...]
    trials: int | None
    halted: bool
    halted_since: date | None
    data_sha256: str
    code_version: str
    config: dict[str, JsonValue]
    seed: int
    run_id: str
    warnings: tuple[str, ...]
    report: str | None
    state: DayState = DayState.DONE
    waiting: tuple[str, ...] = ()
