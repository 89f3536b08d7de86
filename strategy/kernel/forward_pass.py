"""The compiled forward pass of the account, and what it shares with the backward pass of `account_gradient`.

Both walk blocks of paths through all rows, a loop over paths innermost, so that it fills vector lanes. LLVM leaves a
loop scalar over more arrays than it can tell apart with eight checks at run time; so a block keeps its state in
one work array, where constant places show that rows are apart, and a loop that writes elsewhere writes one array only.
"""

from collections.abc import Callable
from typing import NamedTuple, ParamSpec

import numpy as np
from numba import njit
from numpy.typing import NDArray

from strategy.market.bars import FloatArray

BoolArray = NDArray[np.bool_]
#: The first path of a block, and the one after its last.
Block = tuple[int, int]
P = ParamSpec("P")
#: Paths in a block: few enough that its state stays in the caches.
LANES = 512
#: Places in the work array; after them, the quantity wanted of each symbol.
EQUITY, GAIN, LONG, SHORT, BUDGET, PEAK, PEAK_ROW, HIGH, HIGH_ROW, WANTED = range(0, 10 * LANES, LANES)


class KernelInputs(NamedTuple):
    """What the passes read, see AccountMarket. Named tuples, because numba takes no dataclass."""

    target: FloatArray
    opening: FloatArray
    mark: FloatArray
    session: BoolArray
    followed: BoolArray
    days: FloatArray
    cost: FloatArray
    drawdown: FloatArray


class Ledger(NamedTuple):
    """What the forward pass leaves: adjusted units `held` (T, S, N) after the fills of a row; the rest is (T, N).

    `peak` is the highest equity of the look-back and `peak_row` its row, the latest of equals, −1 before the path.
    """

    held: FloatArray
    equity: FloatArray
    peak: FloatArray
    peak_row: NDArray[np.int32]


class Rule(NamedTuple):
    """Financing per day, the knees of d, its floor and the slope between, and the look-back in rows."""

    rate: float
    start: float
    full: float
    floor: float
    slope: float
    lookback: int


def compiled(function: Callable[P, None]) -> Callable[P, None]:
    """The function compiled at its first call; it lets other threads run."""
    result: Callable[P, None] = njit(nogil=True, error_model="numpy")(function)
    return result


def inner(function: Callable[P, None]) -> Callable[P, None]:
    """A part of a compiled function, written into it: compiled on its own as well it would take a fifth longer."""
    result: Callable[P, None] = njit(nogil=True, error_model="numpy", inline="always")(function)
    return result


@compiled
def forward(tape: KernelInputs, ledger: Ledger, rule: Rule, first: int, last: int) -> None:
    """Fills the ledger for paths first to last."""
    T, S, _ = tape.target.shape
    work = np.empty(WANTED + S * LANES)
    for begin in range(first, last, LANES):
        block = (begin, min(begin + LANES, last))
        _begin(tape, ledger, rule, work, block)
        for t in range(T):
            if t > 0:
                _settle(tape, ledger, work, t, block)
                _account(tape, rule, work, t, block)
            if (t + 1) % rule.lookback == 0:
                _hand_over(ledger, rule, work, t, block)
            _measure(ledger, rule, work, t, block)
            _want(tape, work, t, block)


@inner
def _begin(tape: KernelInputs, ledger: Ledger, rule: Rule, work: FloatArray, block: Block) -> None:
    """Cash alone at row 0, and the peak from before the path for as long as the look-back reaches it."""
    begin, end = block
    T, S, _ = tape.target.shape
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
            ledger.peak[t, n] = 1.0 / (1.0 - tape.drawdown[n])
            ledger.peak_row[t, n] = -1


@inner
def _settle(tape: KernelInputs, ledger: Ledger, work: FloatArray, t: int, block: Block) -> None:
    """Fills open orders and sums what positions and costs make of the equity, and what was held at the last marks."""
    begin, end = block
    for n in range(end - begin):
        work[GAIN + n] = 0.0
        work[LONG + n] = 0.0
        work[SHORT + n] = 0.0
    for s in range(tape.target.shape[1]):
        before, held = ledger.held[t - 1, s, begin:end], ledger.held[t, s, begin:end]
        session, wanted = tape.session[t, s, begin:end], WANTED + s * LANES
        for n in range(end - begin):
            held[n] = work[wanted + n] if session[n] else before[n]
        last, mark = tape.mark[t - 1, s, begin:end], tape.mark[t, s, begin:end]
        opening, cost = tape.opening[t, s, begin:end], tape.cost[s, begin:end]
        for n in range(end - begin):
            value = before[n] * last[n]
            work[LONG + n] += max(value, 0.0)
            work[SHORT + n] -= min(value, 0.0)
            charge = cost[n] * abs(held[n] - before[n]) * opening[n]
            work[GAIN + n] += before[n] * (opening[n] - last[n]) + held[n] * (mark[n] - opening[n]) - charge


@inner
def _account(tape: KernelInputs, rule: Rule, work: FloatArray, t: int, block: Block) -> None:
    """E[t] from E[t − 1]."""
    begin, end = block
    days = tape.days[t, begin:end]
    for n in range(end - begin):
        equity = work[EQUITY + n]
        borrowed = max(work[LONG + n] - equity, 0.0) + work[SHORT + n]
        work[EQUITY + n] = equity + work[GAIN + n] - rule.rate * days[n] * borrowed


@inner
def _hand_over(ledger: Ledger, rule: Rule, work: FloatArray, t: int, block: Block) -> None:
    """Leaves to each of the next rows the highest equity of its look-back before row t; its own part is yet to come.

    So the sliding maximum costs three comparisons a row however long the look-back is (van Herk; Gil and Werman).
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
    """Writes the equity and its peak, and leaves d·E, of which targets are multiples; 0 if no equity is left."""
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
def _want(tape: KernelInputs, work: FloatArray, t: int, block: Block) -> None:
    """The quantity wanted of every symbol whose target is followed; the others want what they wanted before."""
    begin, end = block
    for s in range(tape.target.shape[1]):
        target, mark = tape.target[t, s, begin:end], tape.mark[t, s, begin:end]
        followed, wanted = tape.followed[t, s, begin:end], WANTED + s * LANES
        for n in range(end - begin):
            work[wanted + n] = target[n] * work[BUDGET + n] / mark[n] if followed[n] else work[wanted + n]
