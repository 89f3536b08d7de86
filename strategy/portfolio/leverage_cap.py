"""The caps on exposure, multiples of equity: of a symbol, of a group, and of all together (`max_position_size`)."""

from collections.abc import Sequence
from dataclasses import dataclass

from strategy.market.bars import FloatArray
from strategy.portfolio.sizing import ExposureCaps, Numbers, SizingParams


def portfolio_exposures(
    directions: Numbers, weights: Numbers, max_position_size: float, caps: "BookCaps | None" = None
) -> Numbers:
    """Return x = s'·g·b·k, (..., S), all symbols scaled down together to a gross exposure of `max_position_size`.

    `directions` is s'·g, `weights` b·k with k = min(target / σₚ, 2). The caps of symbols and groups come first. With
    one symbol this is the single-symbol rule.

    >>> import numpy as np
    >>> portfolio_exposures(np.array([1.0, -1.0]), np.array([3.0, 1.0]), 2.0)
    array([ 1.5, -0.5])
    """
    wanted = directions * weights
    if caps is not None:
        wanted = caps.within(wanted)
    gross = abs(wanted).sum(-1)[..., None]
    result: Numbers = wanted * (max_position_size / gross.clip(min=max_position_size))
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class BookCaps:
    """The caps of symbols and groups, for exposures whose columns are known; `groups` holds the columns of each."""

    symbol: float
    group: float
    groups: tuple[tuple[int, ...], ...]

    def within(self, wanted: Numbers) -> Numbers:
        """Return the exposures (..., S), each cut to the symbol's cap, then each group scaled down to the group's.

        >>> import numpy as np
        >>> BookCaps(symbol=0.5, group=0.6, groups=((0, 1),)).within(np.array([0.8, -0.25, 0.3]))
        array([ 0.4, -0.2,  0.3])
        """
        result = wanted.clip(-self.symbol, self.symbol)
        for columns in map(list, self.groups):
            members = result[..., columns]
            gross = abs(members).sum(-1)[..., None]
            result[..., columns] = members * (self.group / gross.clip(min=self.group))
        return result


def book_caps(params: SizingParams, symbols: Sequence[str]) -> BookCaps | None:
    """Return the caps of the columns of these symbols; None if there are none. Other members of a group are left out.

    >>> book_caps(SizingParams(), ["A"]) is None
    True
    >>> book_caps(SizingParams(caps=ExposureCaps(group=0.5, groups=(("A", "C"), ("B",)))), ["A", "C"]).groups
    ((0, 1),)
    """
    caps, column = params.caps, {symbol: number for number, symbol in enumerate(symbols)}
    if caps == ExposureCaps():
        return None
    found = (tuple(column[symbol] for symbol in group if symbol in column) for group in caps.groups)
    return BookCaps(symbol=caps.symbol, group=caps.group, groups=tuple(columns for columns in found if columns))


def capped_beside_kept(wanted: FloatArray, gross: float, kept: float, max_position_size: float) -> FloatArray:
    """Return the wanted exposures (S,), scaled down together to what the kept positions leave of `max_position_size`.

    `gross` is the gross exposure wanted of the symbols that get an order, `kept` that of the positions kept as they
    are.

    >>> import numpy as np
    >>> capped_beside_kept(np.array([1.0, -0.5]), gross=1.5, kept=0.5, max_position_size=1.25)
    array([ 0.5 , -0.25])
    """
    room = max(0.0, max_position_size - kept)
    return wanted * (room / gross) if gross > room else wanted
