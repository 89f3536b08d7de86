"""Simulation of the day loop's account for many paths and symbols at a time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from functools import partial

import numpy as np

from strategy.account.interest_rates import FinancingTerms, RateArrays
from strategy.kernel.forward_pass import BoolArray, Charges, KernelInputs, Ledger, Rule, forward
from strategy.kernel.order_charges import demand_right
from strategy.market.bars import FloatArray, TimeArray
from strategy.market.instruments import CALENDAR_DAYS_PER_YEAR
from strategy.portfolio.rebalancing import CAP_ROUNDING
from strategy.portfolio.sizing import SizingParams

#: Numbers of an array processed at once: intermediate results then stay in the caches.
CHUNK_NUMBERS = 16_384
RANGES = {
    "open": "positive and finite where there is a close, and NaN where there is none",
    "close": "positive and finite, or NaN where there is no session",
    "days": "finite and above 0 from row 1 on",
    "rates": "finite",
    "cost": "at least 0 and below 1",
    "drawdown": "at least 0 and below 1",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AccountMarket:
    """Market of N accounts over T dates and S symbols; time comes first, paths last, so that paths fill vector lanes.

    `open` and `close` (T, S, N) are adjusted prices, raw × factor; NaN means no session of the symbol on that date. An
    adjusted quantity is the raw one divided by the factor: a split or a reinvested dividend multiplies the raw quantity
    by the change of the factor, so the adjusted one does not change and needs no special case. `tradable` (T, S, N)
    marks where the target of the row is followed; elsewhere, or without a session, the position and its open order are
    kept. A symbol without further sessions keeps its last mark. `days` (T,) or (T, N) are calendar days since the
    previous account date; row 0 is not used. `rates`, each (T,) or (T, N), are yearly, and apply from their row to the
    next; the last row is not used. `cost` (S, N) is fee and slippage as a fraction of the traded notional at the open.
    `drawdown` (N,) is that of each path at its start: the peak before row 0 is
    1 / (1 − drawdown), and counts in the look-back window as row −1.

    With `charges` an order of u adjusted units at the open O costs u · (per_unit + O · min(impact · √u, most)) besides:
    `per_unit` and `impact` (T, S, N) are those of the fill's row, `most` (S, N) is what slippage leaves of the open.

    Raises ValueError if shapes do not match or a number is out of range.
    """

    open: FloatArray
    close: FloatArray
    tradable: BoolArray
    days: FloatArray
    cost: FloatArray
    rates: RateArrays
    drawdown: FloatArray
    charges: Charges | None = None
    #: Opens and closes, with the last mark where there is no session and 0 before the first.
    opening: FloatArray = field(init=False, repr=False)
    mark: FloatArray = field(init=False, repr=False)
    session: BoolArray = field(init=False, repr=False)
    followed: BoolArray = field(init=False, repr=False)
    #: What borrowed money, idle cash, short positions and the risk-free rate cost or earn from the row before to each,
    #: fractions, (T, 1) if all paths share dates and rates, else (T, N).
    owed: FloatArray = field(init=False, repr=False)
    earned: FloatArray = field(init=False, repr=False)
    lent: FloatArray = field(init=False, repr=False)
    riskless: FloatArray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _check_shapes(self)
        _check_ranges(self)
        session = ~np.isnan(self.close)
        opening, mark = as_lanes(self.open), as_lanes(self.close)
        if not session.all():
            mark = np.where(session, mark, 0.0)
            for row in range(1, len(mark)):
                np.copyto(mark[row], mark[row - 1], where=~session[row])
            opening = np.where(session, opening, mark)
        completed = {"opening": opening, "mark": mark, "session": session, "followed": session & self.tradable}
        completed |= {name: as_lanes(getattr(self, name)) for name in ("cost", "drawdown")}
        for name, rate in (("owed", "borrow"), ("earned", "cash"), ("lent", "short"), ("riskless", "risk_free")):
            completed[name] = _accrued(getattr(self.rates, rate), self.days)
        wide = max(completed[name].shape[1] for name in ("owed", "earned", "lent"))
        for name in ("owed", "earned", "lent"):
            completed[name] = as_lanes(np.broadcast_to(completed[name], (len(mark), wide)))
        if self.charges is not None:
            demand_right(self.charges, self.close.shape)
            object.__setattr__(self, "charges", Charges(*map(as_lanes, self.charges)))
        for name, value in completed.items():
            object.__setattr__(self, name, value)


def flat_rates(rate: float, rows: int) -> RateArrays:
    """Return rates at which all that is borrowed or sold short costs one rate, and cash earns nothing, for T rows.

    >>> flat_rates(0.05, 2).borrow.tolist(), flat_rates(0.05, 2).cash.tolist()
    ([0.05, 0.05], [0.0, 0.0])
    """
    return RateArrays(
        borrow=np.full(rows, rate), cash=np.zeros(rows), short=np.full(rows, rate), risk_free=np.zeros(rows)
    )


def rates_between(terms: FinancingTerms, open_time: TimeArray) -> RateArrays:
    """Return the rates from each of an account's dates (T,) to the next; the last date, which needs none, repeats one.

    Raises RatesMissing.
    """
    known = terms.on(open_time[: max(1, len(open_time) - 1)])
    row = np.minimum(np.arange(len(open_time)), len(known.borrow) - 1)
    return RateArrays(
        borrow=known.borrow[row], cash=known.cash[row], short=known.short[row], risk_free=known.risk_free[row]
    )


def _accrued(rate: FloatArray, days: FloatArray) -> FloatArray:
    """Return what accrues from the row before to each row, 0 at the first, (T, 1) or (T, N)."""
    yearly, spans = (values if values.ndim == 2 else values[:, None] for values in (rate, days))
    result = np.zeros((len(days), max(yearly.shape[1], spans.shape[1])))
    result[1:] = yearly[:-1] / CALENDAR_DAYS_PER_YEAR * spans[1:]
    return result


def as_lanes(values: FloatArray) -> FloatArray:
    """Return the values in the layout that the passes are compiled for: float64, C order, writable."""
    return np.require(values, np.float64, ["C", "A", "W"])


def _check_shapes(market: AccountMarket) -> None:
    if market.close.ndim != 3 or 0 in market.close.shape:
        raise ValueError(f"close has shape {market.close.shape}; it must be (T, S, N) with at least one of each")
    T, S, N = market.close.shape
    shapes = {"open": (T, S, N), "tradable": (T, S, N), "cost": (S, N), "drawdown": (N,)}
    for name, shape in shapes.items():
        if getattr(market, name).shape != shape:
            raise ValueError(f"{name} has shape {getattr(market, name).shape}; beside these closes it must be {shape}")
    for name, values in [("days", market.days), *_by_name(market.rates)]:
        if values.shape not in {(T,), (T, N)}:
            raise ValueError(f"{name} has shape {values.shape}; beside these closes it must be {(T,)} or {(T, N)}")
    if market.tradable.dtype != np.bool_:
        raise ValueError(f"tradable holds {market.tradable.dtype}; it must hold booleans")


def _check_ranges(market: AccountMarket) -> None:
    session = ~np.isnan(market.close)
    checked = [name for name in RANGES if name != "rates"]
    right = {name: np.isfinite(getattr(market, name)) & (getattr(market, name) >= 0) for name in checked}
    right["close"] = ~session | (right["close"] & (market.close > 0))
    right["open"] = np.where(session, right["open"] & (market.open > 0), np.isnan(market.open))
    right["days"] &= market.days > 0
    right["days"][0] = True
    right["cost"] &= market.cost < 1
    right["drawdown"] &= market.drawdown < 1
    for name, ok in right.items():
        if not ok.all():
            at = tuple(map(int, np.unravel_index(int(np.argmin(ok)), ok.shape)))
            raise ValueError(f"{name} is {getattr(market, name)[at]} at {at}; it must be {RANGES[name]}")
    for name, values in _by_name(market.rates):
        if not np.isfinite(values).all():
            raise ValueError(f"{name} holds {values[~np.isfinite(values)][0]}; it must be {RANGES['rates']}")


def _by_name(rates: RateArrays) -> list[tuple[str, FloatArray]]:
    return [(f"rates.{each.name}", getattr(rates, each.name)) for each in fields(rates)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AccountPath:
    """Paths of N accounts.

    `equity` (T, N) at the closes; `held` (T, S, N), the adjusted units of each position after the fills of a row, whose
    value is that times the adjusted mark; `turnover` (T, N), the notional traded at the opens over the equity before, 0
    where no equity was left.
    """

    equity: FloatArray
    held: FloatArray
    turnover: FloatArray


def simulate(target: FloatArray, market: AccountMarket, params: SizingParams, threads: int = 1) -> AccountPath:
    """Simulate N accounts that start at row 0 with equity 1 in cash and follow target exposures x (T, S, N).

    Row t settles as the day loop does: financing of the positions at the last marks, open orders filled at the open,
    marks at the close. Then e[t] = x[t]·d(drawdown) is decided for every symbol that is followed, and the order for
    e·E / C waits for the symbol's next open. As in the day loop, all targets are 0 while the equity is not above 0.
    A target is not read where it is not followed; elsewhere a NaN propagates. The result does not depend on `threads`.

    Raises ValueError if the target's shape is not that of the market.

    >>> close, one = np.array([[[100.0]], [[110.0]], [[121.0]]]), np.ones((3, 1))
    >>> market = AccountMarket(
    ...     open=close / 1.1, close=close, tradable=close > 0, days=one, cost=0 * one[:1], rates=flat_rates(0.0, 3),
    ...     drawdown=0 * one[0],
    ... )
    >>> simulate(0.5 * one[:, None], market, SizingParams()).equity[:, 0].round(6)
    array([1.    , 1.05  , 1.1025])
    """
    ledger = run(kernel_inputs(target, market), rule_of(params), threads, market.charges)
    turnover = np.zeros_like(ledger.equity)
    rows = max(1, CHUNK_NUMBERS // target[0].size)
    for first in range(0, len(target), rows):
        at = slice(first, first + rows + 1)
        _turn_over(turnover[at], ledger.held[at], market.opening[at], ledger.equity[at])
    return AccountPath(equity=ledger.equity, held=ledger.held, turnover=turnover)


def _turn_over(turnover: FloatArray, held: FloatArray, opening: FloatArray, equity: FloatArray) -> None:
    """Fill in the turnover of all these rows except the first."""
    traded = (np.abs(np.diff(held, axis=0)) * opening[1:]).sum(axis=1)
    np.divide(traded, equity[:-1], out=turnover[1:], where=equity[:-1] > 0)


def kernel_inputs(target: FloatArray, market: AccountMarket) -> KernelInputs:
    """Return target and market as the passes read them; raises ValueError if their shapes differ."""
    if target.shape != market.close.shape:
        raise ValueError(f"target has shape {target.shape}; it must be that of the closes, {market.close.shape}")
    return KernelInputs(as_lanes(target), *(getattr(market, name) for name in KernelInputs._fields[1:]))


def rule_of(params: SizingParams) -> Rule:
    """Return the parameters of the account as the passes read them."""
    return Rule(
        start=float(params.drawdown_start),
        full=float(params.drawdown_full),
        floor=float(params.drawdown_floor),
        slope=(1.0 - params.drawdown_floor) / (params.drawdown_full - params.drawdown_start),
        lookback=params.lookback_period,
        band=params.rebalance_band,
        cap=params.max_position_size * (1.0 + CAP_ROUNDING),
    )


def run(inputs: KernelInputs, rule: Rule, threads: int, charges: Charges | None = None) -> Ledger:
    """Run the forward pass over all paths, with what their market charges for orders beside a share of the notional."""
    T, S, N = inputs.target.shape
    ledger = Ledger(np.empty((T, S, N)), np.empty((T, N)), np.empty((T, N)), np.empty((T, N), np.int32))
    over_lanes(partial(forward, inputs, charges, ledger, rule), N, threads)
    return ledger


def over_lanes(work: Callable[[int, int], None], N: int, threads: int) -> None:
    """Do the work on paths 0 to N in at most `threads` parallel parts; raises ValueError below one thread."""
    if threads < 1:
        raise ValueError(f"threads is {threads}; it must be at least 1")
    if threads == 1 or N == 1:
        work(0, N)
        return
    edges = np.linspace(0, N, min(threads, N) + 1).astype(int).tolist()
    with ThreadPoolExecutor(max_workers=threads) as pool:
        list(pool.map(work, edges[:-1], edges[1:]))
