"""The lines of an explanation that say what an exposure is made of."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.explain.order_record_answer import SharePart

#: Parts of an exposure that are named before the rest is counted together.
NAMED_SHARES = 10


def share_lines(parts: "Sequence[SharePart]") -> list[tuple[str, object, str]]:
    """Return the parts of the exposure, the largest first; --json has those too that are counted together here."""
    ordered = sorted(parts, key=lambda one: -abs(one.exposure))
    rest = ordered[NAMED_SHARES:]
    lines: list[tuple[str, object, str]] = [
        (
            one.name,
            one.exposure,
            "a step after the signal" if one.signal is None else f"{one.signal:+.4f} of the signal",
        )
        for one in ordered[:NAMED_SHARES]
    ]
    if rest:
        lines.append((f"{len(rest)} smaller ones", sum(one.exposure for one in rest), "each in --json"))
    return [*lines, ("together", sum(one.exposure for one in parts), "the exposure decided, but for rounding")]
