"""The data gate's treatment of a delivery that restates published bars in another unit."""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from storage.bars.restatements import Restatement
from strategy.market.findings import Finding
from tasks.validation.measures import PRICES
from tasks.validation.suite import Verdict

#: The name of the warning that bars were restated.
ONE_UNIT = "one_unit"


def in_its_unit(history: pd.DataFrame | None, found: Restatement | None) -> pd.DataFrame | None:
    """Return the published bars, which the delivery is judged against, in the unit of the delivery."""
    if found is None or history is None:
        return history
    return history.assign(**{name: history[name] * found.ratio for name in PRICES})


def with_restatements(verdict: Verdict, found: Mapping[str, Restatement]) -> Verdict:
    """Return the verdict with a warning, or a finding, for a restatement.

    If bars beyond the delivery are published, their unit is unknown, so the symbol is held back.
    """
    restated = found.get(verdict.symbol)
    if restated is None:
        return verdict
    said = Finding(
        symbol=verdict.symbol,
        open_time=restated.last,
        expectation=ONE_UNIT,
        value=f"{restated.bars} published bars up to {restated.last} at x{restated.ratio:.6g}",
        limit="x1",
        reason="the source restates its past in another unit, open, high, low and close alike; positions, marks and "
        "open orders move with it",
    )
    if restated.late:
        said = replace(
            said,
            reason="the source restates its past in another unit, but bars after it were published in that unit "
            "before; accounts whose last mark is older move with it; in others what they held then has lost or gained "
            "by the ratio and is not corrected: compare them with a backtest, or start another with --account",
        )
    if restated.beyond is None:
        return replace(verdict, warnings=(*verdict.warnings, said))
    reason = (
        f"the source restates its past in another unit, but only up to {restated.told_until}, and bars up to "
        f"{restated.beyond} are published; run `turbodmt import` of the same source first, which reads all of it"
    )
    return replace(verdict, findings=(*verdict.findings, replace(said, reason=reason)))
