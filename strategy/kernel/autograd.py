"""The account as a torch function: its gradient by a compiled backward pass, and the Sharpe ratio of its returns."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from strategy.kernel.forward_pass import LANES, Block, Charges, KernelInputs, Ledger, Rule, compiled, inner
from strategy.kernel.simulate import AccountMarket, kernel_inputs, over_lanes, rule_of, run
from strategy.market.bars import FloatArray
from strategy.portfolio.sizing import SizingParams

#: Offsets in the work array: d, d·E, the adjoints of d·E, of E[t] and of the peak, the long value, its adjoint and
#: that of the short value; of the rebalance band the adjoint of E[t], the gross value of all positions that it leaves,
#: and the adjoint of a quantity that moves with its target; after them, for each symbol in turn, the adjoints of the
#: quantities wanted and held.
MULTIPLIER, BUDGET, FROM_BUDGET, LAMBDA, PULL, LONG, FROM_LONG, FROM_SHORT = range(0, 8 * LANES, LANES)
FROM_BAND, GROSS, MOVED, UNITS = range(8 * LANES, 12 * LANES, LANES)


def account(target: Tensor, market: AccountMarket, params: SizingParams, threads: int = 1) -> Tensor:
    """Return the equity (T, N) of the accounts of `simulate`, differentiable in `target` (T, S, N).

    The result is float64 on the target's device. The gradient is exact away from kinks. At a kink it is that of one
    side: a trade of exactly 0 counts as a buy; a position of exactly 0 as long; a long value of exactly the equity as
    idle cash; a drawdown at either knee as on its flat side; an equity equal to the peak as the new peak, and of
    equal peaks the latest counts. Impact grows with the power 1.5 of what is traded, so that its derivative at a trade
    of 0 is 0; where slippage and impact come to exactly the whole open, it is that of a larger trade. An account
    without equity has targets of 0 whatever x is. A target that is not followed has a gradient of 0. A position exactly
    at an edge of its rebalance band counts as kept: the gradient of its target is 0, and the position passes on its
    own. With a band the equity jumps where a target crosses 0 or comes to 0 and where the cap on exposure begins to
    override the band; the gradient there is that of the branch taken.

    Raises ValueError if the target does not fit the market.
    """
    exact = target.to(device="cpu", dtype=torch.float64)
    equity: Tensor = _Account.apply(exact, market, params, threads)  # type: ignore[no-untyped-call]  # torch's own
    return equity.to(target.device)


class _Account(torch.autograd.Function):
    """Torch function of the account: the forward pass, which saves its ledger, and the backward pass over it."""

    @staticmethod
    def forward(ctx: Any, target: Tensor, market: AccountMarket, params: SizingParams, threads: int) -> Tensor:
        rule = rule_of(params)
        ledger = run(kernel_inputs(target.detach().numpy(), market), rule, threads, market.charges)
        # This is the ledger's own array; it is saved so that torch refuses a backward pass if it was modified since.
        equity = torch.from_numpy(ledger.equity)
        ctx.save_for_backward(target, equity)
        ctx.kept = (market, ledger, rule, threads)
        return equity

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, equity: Tensor) -> tuple[Tensor, None, None, None]:
        target, _ = ctx.saved_tensors
        market, ledger, rule, threads = ctx.kept
        reverse = Reverse(
            inputs=kernel_inputs(target.detach().numpy(), market),
            ledger=ledger,
            rule=rule,
            target=np.empty(target.shape),
            equity=np.array(equity.numpy(), order="C"),
        )
        over_lanes(partial(backward, reverse, market.charges), equity.shape[1], threads)
        return torch.from_numpy(reverse.target), None, None, None


class Reverse(NamedTuple):
    """Inputs and outputs of the backward pass.

    It fills `target` (T, S, N), the gradient with respect to x. `equity` (T, N) starts as the gradient with respect to
    the equity, and accumulates the contributions of later rows.
    """

    inputs: KernelInputs
    ledger: Ledger
    rule: Rule
    target: FloatArray
    equity: FloatArray


@compiled
def backward(reverse: Reverse, charges: Charges | None, first: int, last: int) -> None:
    """Fill in the gradient for paths `first` to `last`: the adjoint of each forward step, from the last row up."""
    T, S, _ = reverse.target.shape
    work = np.empty(UNITS + 2 * S * LANES)
    for begin in range(first, last, LANES):
        block = (begin, min(begin + LANES, last))
        for n in range(2 * S * LANES):
            work[UNITS + n] = 0.0
        for t in range(T - 1, -1, -1):
            _multiplied(reverse, work, t, block)
            if reverse.rule.band == 0.0:
                _decided(reverse, work, t, block)
            else:
                _banded(reverse, work, t, block)
                _decided_within_band(reverse, work, t, block)
            _measured(reverse, work, t, block)
            if t > 0:
                _financed(reverse, work, t, block)
                _settled(reverse, work, t, block)
                if charges is not None:
                    _charged(reverse, charges, work, t, block)


@inner
def _multiplied(reverse: Reverse, work: FloatArray, t: int, block: Block) -> None:
    """Compute d and d·E as the forward pass had them, and clear the contributions to d·E and E."""
    begin, end = block
    rule, equity, peak = reverse.rule, reverse.ledger.equity[t, begin:end], reverse.ledger.peak[t, begin:end]
    for n in range(end - begin):
        depth = min(max(rule.slope * (1.0 - equity[n] / peak[n] - rule.start), 0.0), 1.0 - rule.floor)
        work[MULTIPLIER + n] = 1.0 - depth if equity[n] > 0.0 else 0.0
        work[BUDGET + n] = work[MULTIPLIER + n] * equity[n]
        work[FROM_BUDGET + n] = 0.0
        work[FROM_BAND + n] = 0.0


@inner
def _decided(reverse: Reverse, work: FloatArray, t: int, block: Block) -> None:
    """Apply the adjoint of w = x·d·E / C: the gradient of x, and the contribution to d·E."""
    begin, end = block
    for s in range(reverse.target.shape[1]):
        target, mark = reverse.inputs.target[t, s, begin:end], reverse.inputs.mark[t, s, begin:end]
        followed, gradient = reverse.inputs.followed[t, s, begin:end], reverse.target[t, s, begin:end]
        wanted = UNITS + 2 * s * LANES
        for n in range(end - begin):
            gradient[n] = work[wanted + n] * work[BUDGET + n] / mark[n] if followed[n] else 0.0
        for n in range(end - begin):
            work[FROM_BUDGET + n] += work[wanted + n] * target[n] / mark[n] if followed[n] else 0.0
            work[wanted + n] = 0.0 if followed[n] else work[wanted + n]


@inner
def _banded(reverse: Reverse, work: FloatArray, t: int, block: Block) -> None:
    """Compute the gross value of all positions that the band would leave, as the forward pass had it."""
    begin, end = block
    inputs, rule, equity = reverse.inputs, reverse.rule, reverse.ledger.equity[t, begin:end]
    for n in range(end - begin):
        work[GROSS + n] = 0.0
    for s in range(reverse.target.shape[1]):
        target, mark = inputs.target[t, s, begin:end], inputs.mark[t, s, begin:end]
        followed, held = inputs.followed[t, s, begin:end], reverse.ledger.held[t, s, begin:end]
        for n in range(end - begin):
            full, half = target[n] * work[BUDGET + n] / mark[n], rule.band * equity[n] / mark[n]
            edge = min(max(held[n], full - half), full + half)
            sought = edge if (abs(full) > 0.0) & (full * held[n] >= 0.0) else full
            work[GROSS + n] += abs(sought if followed[n] else held[n]) * mark[n]


@inner
def _decided_within_band(reverse: Reverse, work: FloatArray, t: int, block: Block) -> None:
    """Apply the adjoint of the quantity wanted: that of the target, of an edge of its band, or of the quantity held."""
    begin, end = block
    inputs, rule, equity = reverse.inputs, reverse.rule, reverse.ledger.equity[t, begin:end]
    for s in range(reverse.target.shape[1]):
        target, mark = inputs.target[t, s, begin:end], inputs.mark[t, s, begin:end]
        followed, held = inputs.followed[t, s, begin:end], reverse.ledger.held[t, s, begin:end]
        gradient, wanted = reverse.target[t, s, begin:end], UNITS + 2 * s * LANES
        for n in range(end - begin):
            full, half = target[n] * work[BUDGET + n] / mark[n], rule.band * equity[n] / mark[n]
            edge = min(max(held[n], full - half), full + half)
            above = (work[GROSS + n] > rule.cap * equity[n]) & (abs(edge) > abs(full))
            free = followed[n] & (abs(full) > 0.0) & (full * held[n] >= 0.0) & ~above
            below, over = free & (held[n] < full - half), free & (held[n] > full + half)
            kept = free & ~below & ~over
            pull, margin = work[wanted + n] if followed[n] else 0.0, rule.band / mark[n]
            work[MOVED + n] = 0.0 if kept else pull
            work[FROM_BUDGET + n] += work[MOVED + n] * target[n] / mark[n] if followed[n] else 0.0
            work[FROM_BAND + n] += pull * margin if over else (-pull * margin if below else 0.0)
            work[wanted + LANES + n] += pull if kept else 0.0
            work[wanted + n] = 0.0 if followed[n] else work[wanted + n]
        for n in range(end - begin):
            gradient[n] = work[MOVED + n] * work[BUDGET + n] / mark[n] if followed[n] else 0.0


@inner
def _measured(reverse: Reverse, work: FloatArray, t: int, block: Block) -> None:
    """Apply the adjoint of d·E: the contributions to E[t], now complete, and to the peak, the equity of its own row."""
    begin, end = block
    rule, peak_row = reverse.rule, reverse.ledger.peak_row[t, begin:end]
    equity, peak, given = reverse.ledger.equity[t, begin:end], reverse.ledger.peak[t, begin:end], reverse.equity[t]
    for n in range(end - begin):
        share = equity[n] / peak[n]
        between = (1.0 - share > rule.start) & (1.0 - share < rule.full)
        steep = rule.slope * work[FROM_BUDGET + n] * share if between else 0.0
        work[LAMBDA + n] = given[begin + n] + work[FROM_BUDGET + n] * work[MULTIPLIER + n] + steep + work[FROM_BAND + n]
        work[PULL + n] = steep * share
    for n in range(end - begin):
        if work[PULL + n] != 0.0 and peak_row[n] >= 0:
            reverse.equity[peak_row[n], begin + n] -= work[PULL + n]


@inner
def _financed(reverse: Reverse, work: FloatArray, t: int, block: Block) -> None:
    """Apply the adjoint of E[t] = E[t − 1] + … − financing: contributions to E[t − 1] and to long and short value."""
    begin, end = block
    for n in range(end - begin):
        work[LONG + n] = 0.0
    for s in range(reverse.target.shape[1]):
        before, last = reverse.ledger.held[t - 1, s, begin:end], reverse.inputs.mark[t - 1, s, begin:end]
        for n in range(end - begin):
            work[LONG + n] += max(before[n] * last[n], 0.0)
    inputs, equity = reverse.inputs, reverse.ledger.equity[t - 1, begin:end]
    shared = inputs.owed.shape[1] == 1
    for n in range(end - begin):
        path = 0 if shared else begin + n
        at = inputs.owed[t, path] if work[LONG + n] > equity[n] else inputs.earned[t, path]
        work[FROM_SHORT + n] = inputs.lent[t, path] * work[LAMBDA + n]
        work[FROM_LONG + n] = -at * work[LAMBDA + n]
    given = reverse.equity[t - 1, begin:end]
    for n in range(end - begin):
        given[n] += work[LAMBDA + n] - work[FROM_LONG + n]


@inner
def _settled(reverse: Reverse, work: FloatArray, t: int, block: Block) -> None:
    """Apply the adjoint of fills, costs and marks: contributions to the units held before and those wanted before."""
    begin, end = block
    inputs = reverse.inputs
    for s in range(reverse.target.shape[1]):
        before, held = reverse.ledger.held[t - 1, s, begin:end], reverse.ledger.held[t, s, begin:end]
        last, mark = inputs.mark[t - 1, s, begin:end], inputs.mark[t, s, begin:end]
        opening, cost, session = (
            inputs.opening[t, s, begin:end],
            inputs.cost[s, begin:end],
            inputs.session[t, s, begin:end],
        )
        wanted = UNITS + 2 * s * LANES
        units = wanted + LANES
        for n in range(end - begin):
            charge = cost[n] * opening[n] if held[n] >= before[n] else -cost[n] * opening[n]
            financing = last[n] * (work[FROM_LONG + n] if before[n] >= 0.0 else work[FROM_SHORT + n])
            bought = work[wanted + n] + work[units + n] + work[LAMBDA + n] * (mark[n] - opening[n] - charge)
            sold = work[LAMBDA + n] * (opening[n] - last[n] + charge)
            work[wanted + n] = bought if session[n] else work[wanted + n]
            work[units + n] = financing + (sold if session[n] else work[units + n])


@inner
def _charged(reverse: Reverse, charges: Charges, work: FloatArray, t: int, block: Block) -> None:
    """Apply the adjoint of fees per unit and impact to the units held before and those wanted before."""
    begin, end = block
    inputs = reverse.inputs
    for s in range(reverse.target.shape[1]):
        before, held = reverse.ledger.held[t - 1, s, begin:end], reverse.ledger.held[t, s, begin:end]
        opening, session = inputs.opening[t, s, begin:end], inputs.session[t, s, begin:end]
        per_unit, impact = charges.per_unit[t, s, begin:end], charges.impact[t, s, begin:end]
        most, wanted = charges.most[s, begin:end], UNITS + 2 * s * LANES
        units = wanted + LANES
        for n in range(end - begin):
            share = impact[n] * np.sqrt(abs(held[n] - before[n]))
            # The money lost grows with the units to the power of 1.5, and in proportion once all of the open is lost.
            lost = 1.5 * share if share < most[n] else most[n]
            pull = work[LAMBDA + n] * (per_unit[n] + lost * opening[n]) if session[n] else 0.0
            charge = pull if held[n] >= before[n] else -pull
            work[wanted + n] -= charge
            work[units + n] += charge
