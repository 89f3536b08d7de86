"""An account on plain days: the arithmetic of the day loop, without a value built for every number.

A plain day has nothing but financing, factors, fills at the open and marks at the close, all in one currency. The
operations are those of `financing`, `settlement`, `paper_fills` and `orders`, in the same order on the same Decimals:
all digits agree. A day on which a held or ordered symbol is delisted is settled by `settle_day`, and one whose decision
is not clear is decided by `decided`.
"""

import gc
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal

from strategy.account.lots import whole_lots
from strategy.account.money import QUANTUM, exact, quantise
from strategy.account.orders import OPEN_STATES, Side, Target, order_quantity, too_small
from strategy.account.paper_fills import VOLUME_SHARE, fill_at_open, impact_share
from strategy.account.quotes import UNCHANGED, Quote, QuoteRow, QuotesByDate, quote_row
from strategy.account.state import Entry, EntryKind
from strategy.backtest.clear_days import LEAST_EQUITY, LEAST_HELD, MOST_HELD, ClearDays
from strategy.backtest.day_loop import REPLAY, AccountState, Leg, Replay, opening, settle_day
from strategy.backtest.plain_records import (
    Close,
    FollowedLeg,
    PlainFill,
    Plan,
    PlannedOrder,
    Records,
    new_record,
)
from strategy.backtest.plain_terms import Accruals, SymbolTerms, symbol_terms
from strategy.backtest.pretrade import PreTradeDays, pretrade_days
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.decision import ORDERED, Outcome, decided
from strategy.work_progress import counted

_ZERO, _ONE = Decimal(0), Decimal(1)
#: Read once: a name of an enumeration is found slowly, for every order and every entry.
_BUY, _SELL = Side.BUY, Side.SELL
_FINANCING, _INTEREST, _SHORT_FEE = EntryKind.FINANCING, EntryKind.INTEREST, EntryKind.SHORT_FEE
#: Share of a bar's volume below which an order that is known by a near value is certainly filled.
_SURE_SHARE = 0.99 * VOLUME_SHARE
#: Quantities below this, by a near value, have no more digits than the product with a factor of 1 keeps.
_MOST_SHORT = 1e15
#: A float near an amount is made of its quanta in half the time that `float` takes, which prints the amount.
_QUANTA, _NEAR_QUANTUM = Decimal("1e12"), 1e-12
#: The columns held by an account whose only symbol is held.
_ALONE = [0]


def is_plain(config: AccountConfig) -> bool:
    """Return whether the account may be replayed plainly: without sleeves, other currencies and perpetuals."""
    terms = config.terms
    foreign = terms.costs.currencies.base or any(map(terms.perpetual, config.symbols))
    return not (config.strategy.sleeves or foreign)


def replay_plainly(legs: Sequence[Leg], quotes: QuotesByDate, capital: Decimal) -> Replay:
    """Run an account whose legs are all plain; see `replay_legs`.

    Raises InvalidOperation if an amount does not fit the ledger.
    """
    account = PlainAccount(legs[0].config.symbols, opening(legs[0].dates[0], capital))
    advance = account.advance_alone if len(account.symbols) == 1 else account.advance
    collecting = gc.isenabled()
    # Nothing here refers to itself, and the collector would walk all records again and again.
    gc.disable()
    try:
        for row, as_of in counted(_followed(account, legs), REPLAY, sum(len(leg.dates) for leg in legs)):
            advance(row, as_of, quotes.on(as_of))
    finally:
        if collecting:
            gc.enable()
    return account.records.replay()


def _followed(account: "PlainAccount", legs: Sequence[Leg]) -> Iterator[tuple[int, date]]:
    """Yield the rows of each leg and their dates, once the account follows it."""
    for leg in legs:
        account.follow(leg.config, leg.days or pretrade_days(leg.view, leg.dates, leg.config))
        yield from enumerate(leg.dates)


class PlainAccount:
    """An account that is advanced day by day, with the records of its days; its lists are by column of the symbols.

    `units`, `near_marks` and `near_equity` are floats near quantities, marks and equity, and `last` is the date of the
    newest close. `peaks` holds the unit values of the look-back that no later one exceeds, with their rows and floats
    near them.
    """

    config: AccountConfig
    days: PreTradeDays
    clear: ClearDays
    terms: list[SymbolTerms]
    accruals: Accruals
    first_over: date
    lookback: int

    def __init__(self, symbols: tuple[str, ...], opened: AccountState) -> None:
        self.symbols, self.records, count = symbols, Records(symbols=symbols), len(symbols)
        self.cash = self.equity = opened.account.cash
        self.quantities, self.marks, self.values = [_ZERO] * count, [_ZERO] * count, [_ZERO] * count
        self.units, self.near_marks, self.near_equity = [0.0] * count, [0.0] * count, float(self.equity)
        self.last: date | None = None
        self.held: list[int] = []
        self.stale: dict[int, date] = {}
        self.open: list[PlannedOrder] = []
        self.peaks: deque[tuple[int, Decimal, float]] = deque()
        self.first_known = 0

    def follow(self, config: AccountConfig, days: PreTradeDays) -> None:
        """Follow this configuration on these days."""
        self.config, self.days, self.clear = config, days, ClearDays(days, config)
        self.records.legs.append(FollowedLeg(len(self.records.decisions), days, config))
        self.terms = [symbol_terms(symbol, config.terms) for symbol in self.symbols]
        self.lookback = config.sizing.lookback_period
        self.accruals = Accruals(config.terms.costs.financing)
        self.first_over = min(each.over_from for each in self.terms)

    def advance(self, row: int, as_of: date, today: Mapping[str, Quote]) -> None:
        """Settle the day if it is not the first, and decide it; `row` is its row in the days that are followed."""
        quotes, previous = quote_row(today, self.symbols), self.last
        if previous is not None:
            if as_of <= previous or (as_of >= self.first_over and self._is_over(as_of)):
                self._settle_by_value(as_of, today)
            else:
                self._finance(previous, as_of)
                if quotes.changed:
                    self._apply_factors(as_of, quotes)
                if self.open:
                    self._fill_orders(as_of, quotes)
                self._mark(quotes, previous)
        self._close(as_of)
        for column, exposure in enumerate(self._decide(row, previous)):
            if exposure is not None:
                self._plan(as_of, column, exposure, quotes)

    def advance_alone(self, row: int, as_of: date, today: Mapping[str, Quote]) -> None:
        """Advance an account of one symbol: the same as `advance`, without its loops on a day like most."""
        quotes, previous = quote_row(today, self.symbols), self.last
        close = quotes.closes[0]
        unusual = quotes.changed or self.stale or len(self.open) > 1
        if close is None or unusual or previous is None or not previous < as_of < self.first_over:
            self.advance(row, as_of, today)
            return
        self._finance(previous, as_of)
        if self.open:
            (order,), quote = self.open, quotes.quote(0)
            assert quote is not None, "a close has a quote"
            quantity = self.quantities[0] + self._fill(order, quote, as_of)
            self.open, self.units[0] = [], int(quantity * _QUANTA) * _NEAR_QUANTUM
            self.quantities, self.held = ([quantity], _ALONE) if quantity else ([_ZERO], [])
        total = _ZERO
        if self.held:
            self.marks, self.near_marks[0] = [close], quotes.near[0]
            self.values[0] = value = quantise(self.quantities[0] * close, QUANTUM)
            total += value
        self.equity = self.cash + total
        self._close(as_of)
        exposure = self._decide(row, previous)[0]
        if exposure is not None:
            self._plan(as_of, 0, exposure, quotes)

    def _is_over(self, as_of: date) -> bool:
        """Return whether a held or ordered symbol is delisted on the day."""
        columns = (*self.held, *(order.plan.column for order in self.open))
        return any(self.terms[column].over_from <= as_of for column in columns)

    def _finance(self, since: date, as_of: date) -> None:
        """Pay and earn what `financing_entries` gives."""
        long = short = _ZERO
        for column in self.held:
            value = self.values[column]
            if value.is_signed():
                short += value
            else:
                long += value
        accrual = self.accruals.over(since, (as_of - since).days)
        if accrual.flat and not short and long <= self.equity:
            self.cash += _ZERO
            return
        short, free, entered = -short, self.equity - long, self.records.entered
        debt, total = -free if free < 0 else _ZERO, _ZERO
        borrowed = debt + short if accrual.flat else debt
        if borrowed:
            total += entered(as_of, _FINANCING, -_over(accrual.borrow, borrowed))
        if not accrual.flat:
            if free > 0 and self.equity > 0:
                total += entered(as_of, _INTEREST, _over(accrual.cash, free))
            if short:
                total += entered(as_of, _SHORT_FEE, -_over(accrual.short, short))
        self.cash += total

    def _apply_factors(self, as_of: date, quotes: QuoteRow) -> None:
        """Add the units of splits and reinvested dividends."""
        for column in quotes.changed:
            quote = quotes.quote(column) if self.quantities[column] else None
            if quote is None or quote.factor_change == 1:
                continue
            added = quantise(self.quantities[column] * (quote.factor_change - 1), QUANTUM)
            if added:
                quantities = self.quantities.copy()
                quantities[column] += added
                self._hold(quantities, (column,))
                entry = Entry(
                    as_of=as_of, kind=EntryKind.FACTOR, symbol=self.symbols[column], cash=Decimal(0), quantity=added
                )
                self.records.entries.append(entry)

    def _hold(self, quantities: list[Decimal], changed: Sequence[int]) -> None:
        """Hold other quantities, changed in these columns; records of earlier days keep the list that was held."""
        before, self.quantities, turned = self.quantities, quantities, False
        for column in changed:
            quantity = quantities[column]
            self.units[column] = int(quantity * _QUANTA) * _NEAR_QUANTUM
            if not quantity:
                quantities[column] = _ZERO
            turned = turned or (not quantity) is not (not before[column])
        if turned:
            self.held = [column for column, quantity in enumerate(quantities) if quantity]
            self.stale = {column: day for column, day in self.stale.items() if quantities[column]}

    def _fill_orders(self, as_of: date, quotes: QuoteRow) -> None:
        """Fill the open orders of symbols with a bar."""
        waiting: list[PlannedOrder] = []
        changed: list[int] = []
        quantities = self.quantities.copy()
        for order in self.open:
            column = order.plan.column
            quote = quotes.quote(column)
            if quote is None:
                waiting.append(order)
                continue
            quantities[column] += self._fill(order, quote, as_of)
            changed.append(column)
        self.open = waiting
        if changed:
            self._hold(quantities, changed)

    def _fill(self, order: PlannedOrder, quote: Quote, as_of: date) -> Decimal:
        """Fill an order at the open, as `fill_at_open` does, and return the units bought, negative if sold."""
        plan = order.plan
        quantity, volume = plan.quantity, quote.volume
        unchanged = quote.factor_change is UNCHANGED and plan.most < _MOST_SHORT
        if not unchanged:
            quantity = quantise(quantity * quote.factor_change, QUANTUM)
        sure = volume is None or (unchanged and plan.most < _SURE_SHARE * volume)
        if not sure and volume is not None and quantity > VOLUME_SHARE * volume:
            return self._fill_in_part(order, quote, as_of)
        terms, buys = self.terms[plan.column], plan.side is _BUY
        if terms.impact:
            slippage = min(terms.slippage + impact_share(terms.impact, quantity, quote), _ONE)
            price = quote.open * (1 + slippage if buys else 1 - slippage)
        else:
            price = quote.open * (terms.buy if buys else terms.sell)
        price = quantise(price, QUANTUM)
        charged = quantity * quote.open * terms.fee
        if not terms.proportional:
            charged = max(charged + quantity * terms.per_share, terms.min_fee)
        fee = quantise(charged, QUANTUM)
        order.filled = True
        notional, traded = quantity * price, self.records.traded
        self.records.fills.append(new_record(PlainFill, (order, as_of, quantity, price, fee)))
        traded[as_of] = traded.get(as_of, _ZERO) + notional
        paid = quantise(notional, QUANTUM)
        self.cash -= (paid if buys else -paid) + fee
        return quantity if buys else -quantity

    def _fill_in_part(self, order: PlannedOrder, quote: Quote, as_of: date) -> Decimal:
        """Fill the part of an order that the bar's volume allows."""
        order.made, fill = fill_at_open(order.value, {order.symbol: quote}, as_of, self.config.terms)
        if fill is None:
            return _ZERO
        self.records.filled(fill, fill.quantity * fill.price)
        self.cash -= fill.paid + fill.fee
        return fill.signed_quantity

    def _mark(self, quotes: QuoteRow, previous: date) -> None:
        """Mark the positions at the closes, and compute the equity; `previous` is the account date before."""
        marks, values, total = self.marks.copy(), self.values, _ZERO
        quantities, near_marks, stale = self.quantities, self.near_marks, {}
        closes, near = quotes.closes, quotes.near
        for column in self.held:
            close = closes[column]
            if close is None:
                stale[column] = self.stale.get(column, previous)
            else:
                marks[column], near_marks[column] = close, near[column]
                values[column] = quantise(quantities[column] * close, QUANTUM)
            total += values[column]
        self.marks, self.stale = marks, stale
        self.equity = self.cash + total

    def _settle_by_value(self, as_of: date, today: Mapping[str, Quote]) -> None:
        """Settle a day that is not plain."""
        closes = self.records.closes
        state = AccountState(
            account=closes[-1].account(self.symbols),
            open_orders=tuple(order.value for order in self.open),
            unit_values=tuple(close.equity for close in closes[self.first_known :]),
            known_peak=self.peaks[0][1],
        )
        day = settle_day(state, today, as_of, self.config)
        account, settled = day.state.account, {order.order_id: order for order in day.settled}
        for order in self.open:
            if settled[order.order_id].state not in OPEN_STATES:
                order.made = settled[order.order_id]
        self.open = [order for order in self.open if order.made is None]
        for fill in day.fills:
            self.records.filled(fill, fill.quantity * fill.price)
        self.records.entries.extend(day.entries)
        self.cash, self.equity = account.cash, account.equity
        self._hold([*map(account.quantity, self.symbols)], range(len(self.symbols)))
        self.marks, self.stale = self.marks.copy(), {}
        for column in self.held:
            position = account.positions[self.symbols[column]]
            self.marks[column], self.near_marks[column] = position.mark, float(position.mark)
            self.values[column] = position.value
            if position.marked_on is not None and position.marked_on != as_of:
                self.stale[column] = position.marked_on

    def _close(self, as_of: date) -> None:
        """Record the close, with the highest unit value of the look-back."""
        closes, equity, peaks = self.records.closes, self.equity, self.peaks
        row = len(closes)
        self.last = as_of
        self.near_equity = near = int(equity * _QUANTA) * _NEAR_QUANTUM
        if row >= self.first_known + self.lookback:
            self.first_known = row - self.lookback + 1
        while peaks and peaks[-1][1] <= equity:
            peaks.pop()
        peaks.append((row, equity, near))
        while peaks[0][0] < self.first_known:
            peaks.popleft()
        closes.append(
            new_record(
                Close, (as_of, self.cash, equity, peaks[0][1], self.held, self.quantities, self.marks, self.stale)
            )
        )

    def _plan(self, as_of: date, column: int, exposure: float, quotes: QuoteRow) -> None:
        """Plan the order that moves a position to its exposure, as `plan_order` does."""
        mark, equity, held = quotes.closes[column], self.equity, self.quantities[column]
        if mark is None:
            raise KeyError(self.symbols[column])
        asked = exact(exposure)
        change = quantise(asked * equity / mark, QUANTUM) - held
        if not change:
            return
        instrument, limited = self.terms[column].instrument, self.terms[column].limited
        quantity = order_quantity(change, mark, instrument) if limited else whole_lots(abs(change), instrument.lot)
        small = too_small(quantity, quantity * mark, instrument)
        target = Target(instrument=instrument, exposure=asked, mark=mark, held=held) if small else None
        most = abs(exposure * self.near_equity / quotes.near[column]) + abs(self.units[column])
        side = _BUY if change > 0 else _SELL
        plan = new_record(Plan, (column, as_of, self.config, side, quantity, mark, target, equity, most))
        order = PlannedOrder(plan)
        self.records.orders.append(order)
        if not small:
            self.open.append(order)

    def _decide(self, row: int, previous: date | None) -> Sequence[float | None]:
        """Record the decision of the day; return the exposures to trade to, None where nothing is traded."""
        outcome = self._clear_outcome(row, previous)
        if outcome is not None:
            self.records.decisions.append(outcome)
            return outcome.exposures
        snapshot = self.records.closes[-1].snapshot(self.symbols, previous)
        decisions = decided(self.days.view(row), snapshot, self.config)
        self.records.decisions.append(decisions)
        return [each.exposure if each.status in ORDERED else None for each in decisions]

    def _clear_outcome(self, row: int, previous: date | None) -> Outcome | None:
        """Return what comes of the day's targets, if that is clear."""
        near_equity, units, marks, now = self.near_equity, self.units, self.near_marks, 0.0
        if near_equity < LEAST_EQUITY:
            return None
        held = [0.0] * len(units)
        for column in self.held:
            held[column] = now = units[column] * marks[column] / near_equity
            if not LEAST_HELD < abs(now) < MOST_HELD:
                return None
        peak, near_peak = self.peaks[0][1:]
        # The drawdown of the close that was recorded, to the last bit.
        controlled = 1.0 - near_equity / near_peak > self.clear.controlled_from
        drawdown = float(1 - self.equity / peak) if controlled else 0.0
        if len(held) == 1:
            return self.clear.outcome_alone(row, now, drawdown, previous)
        return self.clear.outcome(row, held, drawdown, previous)


def _over(rate: Decimal, held: Decimal) -> Decimal:
    return quantise(rate * held, QUANTUM) if rate and held else _ZERO
