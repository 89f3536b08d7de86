"""The compiled forward pass of the account, and what it shares with the backward pass in `autograd`.

Both process blocks of paths row by row, with the loop over paths innermost, so that it fills vector lanes. LLVM does
not vectorise a loop over more arrays than it can prove disjoint with eight run-time checks. So a block keeps its state
in one work array, where constant offsets prove that rows are disjoint, and a loop that writes elsewhere writes only one
array.
"""

from collections.abc import Callable
from typing import NamedTuple, ParamSpec, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from strategy.market.bars import FloatArray

BoolArray = NDArray[np.bool_]
#: The first path of a block, and the one after its last.
Block = tuple[int, int]
P = ParamSpec("P")
R = TypeVar("R")
#: Paths in a block: few enough for its state to stay in the caches.
LANES = 512
#: Offsets in the work array; after them, the quantity wanted of each symbol.
EQUITY, GAIN, LONG, SHORT, BUDGET, PEAK, PEAK_ROW, HIGH, HIGH_ROW = range(0, 9 * LANES, LANES)
MARGIN, GROSS, WANTED = range(9 * LANES, 12 * LANES, LANES)


class KernelInputs(NamedTuple):
    """Inputs of both passes; see AccountMarket. A named tuple, because numba does not accept dataclasses.

    `owed`, `earned` and `lent` (T, 1) or (T, N) are the fractions that borrowed money, idle cash and short positions
    cost or earn from the row before to each row.
    """

    target: FloatArray
    opening: FloatArray
    mark: FloatArray
    session: BoolArray
    followed: BoolArray
    owed: FloatArray
    earned: FloatArray
    lent: FloatArray
    cost: FloatArray
    drawdown: FloatArray


class Charges(NamedTuple):
    """What an order costs beside a share of its notional, as both passes read it; see AccountMarket."""

    per_unit: FloatArray
    impact: FloatArray
    most: FloatArray


class Ledger(NamedTuple):
    """Results of the forward pass: adjusted units `held` (T, S, N) after the fills of a row; the rest is (T, N).

    `peak` is the highest equity of the look-back, and `peak_row` its row: the latest of equals, −1 before the path.
    """

    held: FloatArray
    equity: FloatArray
    peak: FloatArray
    peak_row: NDArray[np.int32]


class Rule(NamedTuple):
    """Parameters of the account: knees, floor and slope of d, and the look-back in rows.

    `band` is that of rebalancing, and `cap` the gross exposure above which it is ignored, rounding allowed for.
    """

    start: float
    full: float
    floor: float
    slope: float
    lookback: int
    band: float
    cap: float


def compiled(function: Callable[P, None]) -> Callable[P, None]:
    """Return the function, compiled at its first call; it releases the GIL."""
    result: Callable[P, None] = njit(nogil=True, error_model="numpy")(function)
    return result


def inner(function: Callable[P, R]) -> Callable[P, R]:
    """Return a part of a compiled function, inlined into it: compiling it separately as well takes a fifth longer."""
    result: Callable[P, R] = njit(nogil=True, error_model="numpy", inline="always")(function)
    return result


@compiled
def forward(  # noqa: PLR0913  # what the compiler specialises on is an argument of its own
    inputs: KernelInputs, charges: Charges | None, ledger: Ledger, rule: Rule, first: int, last: int
) -> None:
    """Fill in the ledger for paths `first` to `last`.

    It is compiled once without charges and once with them, so that accounts without pay nothing for them.
    """
    T, S, _ = inputs.target.shape
    work = np.empty(WANTED + S * LANES)
    for begin in range(first, last, LANES):
        block = (begin, min(begin + LANES, last))
        _begin(inputs, ledger, rule, work, block)
        for t in range(T):
            if t > 0:
                _settle(inputs, ledger, work, t, block)
                if charges is not None:
                    _charge(inputs, charges, ledger, work, t, block)
                if inputs.owed.shape[1] == 1:
                    _account(inputs, work, t, block)
                else:
                    _account_by_path(inputs, work, t, block)
            if (t + 1) % rule.lookback == 0:
                _hand_over(ledger, rule, work, t, block)
            _measure(ledger, rule, work, t, block)
            if rule.band == 0.0:
                _want(inputs, work, t, block)
            else:
                _allow(rule, work, block)
                _want_within_band(inputs, ledger, work, t, block)
                if _above_cap(rule, work, block):
                    _want_below_cap(inputs, rule, work, t, block)


@inner
def _begin(inputs: KernelInputs, ledger: Ledger, rule: Rule, work: FloatArray, block: Block) -> None:
    """Start with only cash at row 0, and with the peak from before the path for as long as the look-back reaches it."""
    begin, end = block
    T, S, _ = inputs.target.shape
    for n in range(end - begin):
        work[EQUITY + n] = 1.0
        work[HIGH + n] = -np.inf
        work[HIGH_ROW + n] = -1.0
    for s in range(S):
        for n in range(end - begin):
            work[WANTED + s * LANES + n] = 0.0
            ledger.held[0, s, begin + n] = 0.0
    for t in range(min(T, rule.lookback - 1)):
        for n in range(begin, end):
            ledger.peak[t, n] = 1.0 / (1.0 - inputs.drawdown[n])
            ledger.peak_row[t, n] = -1


@inner
def _settle(inputs: KernelInputs, ledger: Ledger, work: FloatArray, t: int, block: Block) -> None:
    """Fill open orders, and sum the gain from positions and costs, and the long and short value at the last marks."""
    begin, end = block
    for n in range(end - begin):
        work[GAIN + n] = 0.0
        work[LONG + n] = 0.0
        work[SHORT + n] = 0.0
    for s in range(inputs.target.shape[1]):
        before, held = ledger.held[t - 1, s, begin:end], ledger.held[t, s, begin:end]
        session, wanted = inputs.session[t, s, begin:end], WANTED + s * LANES
        for n in range(end - begin):
            held[n] = work[wanted + n] if session[n] else before[n]
        last, mark = inputs.mark[t - 1, s, begin:end], inputs.mark[t, s, begin:end]
        opening, cost = inputs.opening[t, s, begin:end], inputs.cost[s, begin:end]
        for n in range(end - begin):
            value = before[n] * last[n]
            work[LONG + n] += max(value, 0.0)
            work[SHORT + n] -= min(value, 0.0)
            charge = cost[n] * abs(held[n] - before[n]) * opening[n]
            work[GAIN + n] += before[n] * (opening[n] - last[n]) + held[n] * (mark[n] - opening[n]) - charge


@inner
def _charge(  # noqa: PLR0913  # as in `forward`
    inputs: KernelInputs, charges: Charges, ledger: Ledger, work: FloatArray, t: int, block: Block
) -> None:
    """Take the fee per unit and the impact of the orders that were filled off the gain."""
    begin, end = block
    for s in range(inputs.target.shape[1]):
        before, held = ledger.held[t - 1, s, begin:end], ledger.held[t, s, begin:end]
        opening, most = inputs.opening[t, s, begin:end], charges.most[s, begin:end]
        per_unit, impact = charges.per_unit[t, s, begin:end], charges.impact[t, s, begin:end]
        for n in range(end - begin):
            units = abs(held[n] - before[n])
            lost = min(impact[n] * np.sqrt(units), most[n])
            work[GAIN + n] -= (per_unit[n] + lost * opening[n]) * units


@inner
def _account(inputs: KernelInputs, work: FloatArray, t: int, block: Block) -> None:
    """Compute E[t] from E[t − 1], at the same rates for all paths.

    At a flat rate, what is borrowed and sold short is charged as one sum.
    """
    begin, end = block
    owed, earned, lent = inputs.owed[t, 0], inputs.earned[t, 0], inputs.lent[t, 0] - inputs.owed[t, 0]
    for n in range(end - begin):
        equity, long, short = work[EQUITY + n], work[LONG + n], work[SHORT + n]
        charge = owed * (max(long - equity, 0.0) + short) + lent * short - earned * max(equity - long, 0.0)
        work[EQUITY + n] = equity + work[GAIN + n] - charge


@inner
def _account_by_path(inputs: KernelInputs, work: FloatArray, t: int, block: Block) -> None:
    """Compute E[t] from E[t − 1], at rates of each path's own."""
    begin, end = block
    owed, earned, lent = inputs.owed[t, begin:end], inputs.earned[t, begin:end], inputs.lent[t, begin:end]
    for n in range(end - begin):
        equity, long, short = work[EQUITY + n], work[LONG + n], work[SHORT + n]
        borrowed = owed[n] * (max(long - equity, 0.0) + short) + (lent[n] - owed[n]) * short
        work[EQUITY + n] = equity + work[GAIN + n] - (borrowed - earned[n] * max(equity - long, 0.0))


@inner
def _hand_over(ledger: Ledger, rule: Rule, work: FloatArray, t: int, block: Block) -> None:
    """Store for each of the next rows the highest equity of its look-back before row t; rows from t on follow later.

    So the sliding maximum costs three comparisons a row, however long the look-back is (van Herk; Gil and Werman).
    """
    begin, end = block
    T = ledger.equity.shape[0]
    for n in range(end - begin):
        work[HIGH + n] = -np.inf
        work[HIGH_ROW + n] = -1.0
    for later in range(t + rule.lookback - 1, t - 1, -1):
        row = later - rule.lookback + 1
        if row < t:
            equity = ledger.equity[row, begin:end]
            for n in range(end - begin):
                higher = equity[n] > work[HIGH + n]
                work[HIGH + n] = equity[n] if higher else work[HIGH + n]
                work[HIGH_ROW + n] = float(row) if higher else work[HIGH_ROW + n]
        if later < T:
            peak, peak_row = ledger.peak[later, begin:end], ledger.peak_row[later, begin:end]
            for n in range(end - begin):
                peak[n] = work[HIGH + n]
            for n in range(end - begin):
                peak_row[n] = np.int32(work[HIGH_ROW + n])
    for n in range(end - begin):
        work[HIGH + n] = -np.inf


@inner
def _measure(ledger: Ledger, rule: Rule, work: FloatArray, t: int, block: Block) -> None:
    """Write the equity and its peak, and compute d·E, which scales the targets; 0 if no equity is left."""
    begin, end = block
    peak, peak_row, equities = ledger.peak[t, begin:end], ledger.peak_row[t, begin:end], ledger.equity[t, begin:end]
    for n in range(end - begin):
        equity = work[EQUITY + n]
        higher = equity >= work[HIGH + n]
        high = equity if higher else work[HIGH + n]
        high_row = float(t) if higher else work[HIGH_ROW + n]
        work[HIGH + n] = high
        work[HIGH_ROW + n] = high_row
        later = high >= peak[n]
        top = high if later else peak[n]
        work[PEAK + n] = top
        work[PEAK_ROW + n] = high_row if later else float(peak_row[n])
        depth = min(max(rule.slope * (1.0 - equity / top - rule.start), 0.0), 1.0 - rule.floor)
        work[BUDGET + n] = (1.0 - depth) * equity if equity > 0.0 else 0.0
    for n in range(end - begin):
        peak[n] = work[PEAK + n]
    for n in range(end - begin):
        peak_row[n] = np.int32(work[PEAK_ROW + n])
    for n in range(end - begin):
        equities[n] = work[EQUITY + n]


@inner
def _want(inputs: KernelInputs, work: FloatArray, t: int, block: Block) -> None:
    """Compute the quantity wanted of every symbol whose target is followed; the others keep theirs."""
    begin, end = block
    for s in range(inputs.target.shape[1]):
        target, mark = inputs.target[t, s, begin:end], inputs.mark[t, s, begin:end]
        followed, wanted = inputs.followed[t, s, begin:end], WANTED + s * LANES
        for n in range(end - begin):
            work[wanted + n] = target[n] * work[BUDGET + n] / mark[n] if followed[n] else work[wanted + n]


@inner
def _allow(rule: Rule, work: FloatArray, block: Block) -> None:
    """Compute the value by which a position may differ from its target, and begin the sum of the gross value."""
    begin, end = block
    for n in range(end - begin):
        work[MARGIN + n] = rule.band * work[EQUITY + n]
        work[GROSS + n] = 0.0


@inner
def _want_within_band(inputs: KernelInputs, ledger: Ledger, work: FloatArray, t: int, block: Block) -> None:
    """Compute the quantity wanted of every symbol whose target is followed, and the gross value of all positions then.

    It is the quantity held if that lies within the band of the target, else the nearest edge of the band; the target
    itself if that is 0 or NaN, or on the other side of the position.
    """
    begin, end = block
    for s in range(inputs.target.shape[1]):
        target, mark = inputs.target[t, s, begin:end], inputs.mark[t, s, begin:end]
        followed, held, wanted = inputs.followed[t, s, begin:end], ledger.held[t, s, begin:end], WANTED + s * LANES
        for n in range(end - begin):
            full, half = target[n] * work[BUDGET + n] / mark[n], work[MARGIN + n] / mark[n]
            edge = min(max(held[n], full - half), full + half)
            sought = edge if (abs(full) > 0.0) & (full * held[n] >= 0.0) else full
            work[wanted + n] = sought if followed[n] else work[wanted + n]
            work[GROSS + n] += abs(sought if followed[n] else held[n]) * mark[n]


@inner
def _above_cap(rule: Rule, work: FloatArray, block: Block) -> bool:
    """Return whether any path of the block would have a gross exposure above the cap."""
    begin, end = block
    above = False
    for n in range(end - begin):
        above |= work[GROSS + n] > rule.cap * work[EQUITY + n]
    return above


@inner
def _want_below_cap(inputs: KernelInputs, rule: Rule, work: FloatArray, t: int, block: Block) -> None:
    """Reduce what is wanted beyond its target to the target, on paths whose gross exposure would be above the cap."""
    begin, end = block
    for s in range(inputs.target.shape[1]):
        target, mark = inputs.target[t, s, begin:end], inputs.mark[t, s, begin:end]
        followed, wanted = inputs.followed[t, s, begin:end], WANTED + s * LANES
        for n in range(end - begin):
            full = target[n] * work[BUDGET + n] / mark[n]
            beyond = followed[n] & (abs(work[wanted + n]) > abs(full))
            above = work[GROSS + n] > rule.cap * work[EQUITY + n]
            work[wanted + n] = full if beyond & above else work[wanted + n]
