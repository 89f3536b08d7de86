"""Attribution of a decision: the target exposure as a sum of what produced it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: A smaller difference is rounding.
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A part of the target exposure; `signal` is its part of the signal, None for a step that follows the signal."""

    name: str
    signal: float | None
    exposure: float


def shares(signal: float, parts: Mapping[str, float], steps: Sequence[tuple[str, float]]) -> tuple[Share, ...]:
    """Return the target exposure, which is that of the last step, as a sum of parts of the signal and of later steps.

    `parts` add up to the signal before it is cut to ±1. The first step is what the sizing makes of the signal alone: it
    is shared in proportion to the parts, because it multiplies the signal, and the neutral zone takes from each alike.
    Each later step accounts for what it changes; steps that change nothing are left out.

    >>> found = shares(1.0, {"holding": 0.5, "trend": 0.7}, [("sized", 0.8), ("limits", 0.6)])
    >>> [(one.name, round(one.exposure, 2)) for one in found]
    [('holding', 0.4), ('trend', 0.56), ('cut to ±1', -0.16), ('limits', -0.2)]
    """
    cut = signal - sum(parts.values())
    named = {**parts, **({"cut to ±1": cut} if abs(cut) > ROUNDING else {})}
    sized = steps[0][1]
    gain = sized / signal if signal else 0.0
    found = [Share(name=name, signal=part, exposure=part * gain) for name, part in named.items()]
    return (*found, *changes(sized, steps[1:]))


def changes(sized: float, steps: Sequence[tuple[str, float]]) -> tuple[Share, ...]:
    """Return what each step after the sizing changes, without those that change nothing."""
    before = [sized, *(value for _, value in steps)]
    found = [
        Share(name=name, signal=None, exposure=value - earlier)
        for (name, value), earlier in zip(steps, before[:-1], strict=True)
    ]
    return tuple(share for share in found if abs(share.exposure) > ROUNDING)
