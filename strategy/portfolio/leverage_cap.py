"""The leverage cap: no account's gross exposure is sized above `max_position_size`, a multiple of its equity."""

from strategy.market.bars import FloatArray
from strategy.portfolio.sizing import Numbers


def portfolio_exposures(directions: Numbers, weights: Numbers, max_position_size: float) -> Numbers:
    """Return x = s'·g·b·k, (..., S), all symbols scaled down together to a gross exposure of `max_position_size`.

    `directions` is s'·g, `weights` b·k with k = min(target / σₚ, 2). With one symbol this is the single-symbol rule.

    >>> import numpy as np
    >>> portfolio_exposures(np.array([1.0, -1.0]), np.array([3.0, 1.0]), 2.0)
    array([ 1.5, -0.5])
    """
    wanted = directions * weights
    gross = abs(wanted).sum(-1)[..., None]
    result: Numbers = wanted * (max_position_size / gross.clip(min=max_position_size))
    return result


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
