"""The expectations that a bar has the unit of the bar before, beside those of tasks.validation.bar_checks."""

from tasks.validation.expectation import Check
from tasks.validation.unit_gaps import CONFIRMING_SESSIONS, RATIOS

#: The name of the check that holds a bar back until its unit is known.
UNIT_KEPT = "unit_kept"
_VALUE = "open {open:.8g}, {gap_found:.6g} times the close before"
_LIMIT = f"no gap within 3 % of {', '.join(f'{ratio:g}' for ratio in RATIOS)} (around the clock: 100) or an inverse"

#: Expectations on a table with one row per bar.
UNIT_CHECKS = (
    Check(
        name=UNIT_KEPT,
        column="unit_gap",
        most=0.0,
        value=_VALUE,
        limit=_LIMIT,
        reason="the bar opens at a whole ratio to the close before and hardly moves itself, as after a split or in "
        "another unit; it clears itself once the source restates the past, reports the event or confirms the level for "
        f"{CONFIRMING_SESSIONS} sessions, or when a person accepts it",
    ),
    Check(
        name="unit_confirmed",
        column="unit_gap_kept",
        most=0.0,
        value=_VALUE,
        limit=_LIMIT,
        reason="the bar opens at a whole ratio to the close before, as after a split that the source has not reported; "
        "the level was confirmed since",
        blocks=False,
    ),
)
