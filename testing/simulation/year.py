"""A year of an account at a fake broker, with faults drawn from a seed; every day must end in order, in its passes.

It drives what the tasks call, without Prefect, Great Expectations and torch.
"""

import random
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests

from exchange.brokers.paper import PaperBroker
from exchange.ports import Broker, BrokerRefused, BrokerUnavailable, SourceUnavailable
from storage.bars import published as bar_store
from storage.bars import staging
from storage.database import connect
from storage.errors import StoreError
from strategy.builtin.registry import MOMENTUM, RULES
from strategy.market.instruments import Calendar
from strategy.signals.sleeves import combined
from strategy.signals.strategies import Sleeve, Strategy
from tasks.daily.flattening import with_held_beside
from tasks.daily.order import OrdersBlocked, demand_nothing_withheld, trade
from tasks.daily.replay_check import reconcile
from tasks.daily.settle import settle
from tasks.daily.signals import signal
from tasks.data.ingest import ingest
from tasks.models.retrain import Champion
from tasks.operations.halt import flatten, halt, resume
from tasks.run.account_sleeves import account_sleeves
from tasks.run.job import PAPER, Job
from tasks.run.runs import symbols_asked
from testing.exchange.access import SetClock
from testing.exchange.faults import Faults, Kind
from testing.exchange.testnets import Testnet, stamped_by
from testing.exchange.transport import ExchangeTransport
from testing.markets.bars import DeadBars, FakeBars, Fault, Listing, record
from testing.runs.jobs import a_job
from testing.simulation.checks import ACCOUNT, Checks
from testing.simulation.store import Dice, Killed, stored_in_memory

FIRST = date(2025, 1, 1)
#: An account of several strategies, which only paper has.
SLEEVED = "paper-sleeves"
VENUES = (PAPER, "testnet-spot", "testnet-futures", SLEEVED)
SLEEVES = combined([Sleeve(strategy=RULES, weight=0.5), Sleeve(strategy=MOMENTUM, weight=0.4)])
SYMBOLS = ("BTCUSDT", "ETHUSDT")
NO_MODEL = Champion(model_id=None, reason="rules needs no model")
#: How often a run is repeated with faults before the last one, which meets none.
ATTEMPTS = 6
EXPECTED = (BrokerUnavailable, SourceUnavailable, StoreError, OrdersBlocked, BrokerRefused)
#: What a year meets; of the bans nobody knows the end.
KINDS = tuple(kind for kind in Kind if kind not in {Kind.BANNED, Kind.BANNED_BY_TEXT})
#: How many of all orders are told of late, each kind of answer by up to a minute.
FORGETFUL = 0.2
#: How often, at a request, our clock or the exchange's is set; neither is ever further than that from the right time.
CLOCKS_SET, CLOCK_OFF_S = 0.004, 60.0
#: How often a person flattens the account; a third of the times the next runs trade one symbol alone.
FLATTENED = 0.006
#: How often a symbol's bar is late by hours: the day has a second pass. So often the account is flattened in between.
LATE_BARS, FLATTENED_BETWEEN = 0.04, 0.1
#: What a request takes; nothing else takes any time.
LATENCY = timedelta(milliseconds=20)


@dataclass
class DeadlyTransport(ExchangeTransport):
    """The way to the exchange, on which the process may die before the request leaves and after it was answered."""

    dice: Dice = field(kw_only=True)
    clock: SetClock = field(kw_only=True)
    beside: Callable[[float], None] = field(kw_only=True)
    set_clocks: Callable[[], None] = field(kw_only=True)

    def send(self, request: requests.PreparedRequest, *given: Any, **options: Any) -> requests.Response:
        self.dice.maybe_kill("sending")
        self.beside(0.05 if request.method == "POST" else 0.001)
        self.set_clocks()
        self.clock.advance(LATENCY)
        response = super().send(request, *given, **options)
        self.set_clocks()
        self.dice.maybe_kill("an answer")
        return response


class SimulatedYear:
    """An account's year, from its seed alone; `days` may be fewer."""

    symbols: tuple[str, ...] = SYMBOLS

    def __init__(self, seed: int, home: Path, venue: str, days: int = 365) -> None:
        self.seed, self.home, self.days = seed, home, days
        self.venue = PAPER if venue == SLEEVED else venue
        self.strategy: Strategy = SLEEVES if venue == SLEEVED else RULES
        self.random = random.Random(f"year {seed} {venue}")
        self.dice = Dice(seed)
        self.events: Counter[str] = Counter()
        first, last = FIRST - timedelta(days=300), FIRST + timedelta(days=days + 2)
        self.source = FakeBars(
            listings=tuple(
                Listing(symbol=symbol, calendar=Calendar.ALWAYS, first=first, last=last, seed=1_000 * seed + number)
                for number, symbol in enumerate(self.symbols)
            ),
            streaming=True,
        )
        # No two machines are equally fast: by their clocks a seed would not live the same year again.
        self.clock = SetClock(self._instant(FIRST))
        self.testnet = Testnet(clock=self.clock, start=self.clock.now)
        self.testnet.exchange.faults = Faults.drawn(seed=seed, rate=0.1, kinds=KINDS)
        self.testnet.exchange.delays.rate, self.testnet.exchange.delays.seed = FORGETFUL, seed
        #: By how much our clock and the exchange's are ahead of the right time, and who says when they are set.
        self.ours_s = self.theirs_s = 0.0
        self.clocksmith = random.Random(f"clocks {seed} {venue}")
        self.beside = False
        #: Nobody halts an account that has not lived a day.
        self.lived = False
        self.halted_since: date | None = None
        #: What the account trades: less than it holds, now and then, while it is flattened.
        self.traded = self.symbols
        #: The symbol whose bar of the day has not come yet.
        self.awaited = ""

    def live(self) -> Counter[str]:
        """Return what went wrong on the way, by kind; raises AssertionError as soon as a day did not end in order."""
        with stored_in_memory(self.home, self.dice) as store, stamped_by(self.clock):
            self.checks = Checks(store=store, exchange=self.testnet.exchange, venue=self.venue)
            day = FIRST
            while day < FIRST + timedelta(days=self.days):
                self._between(day)
                if self.random.random() < 0.03:
                    missed = self.random.randint(1, 5)
                    self.events["days missed"] += missed
                    for _ in range(missed):
                        self._fund()
                    day += timedelta(days=missed)
                    continue
                self._day(day)
                day += timedelta(days=1)
            self.dice.calm = True
            self.checks.every_day_once()
            self._check_sleeves(day)
        faults = {str(kind): count for kind, count in self.testnet.exchange.faults.injected.items()}
        return self.events + self.dice.thrown + Counter(faults)

    def _day(self, day: date) -> None:
        """The runs of one day in its passes: a second one, hours later, if a symbol's bar comes late."""
        late = self.random.random() < 0.03
        at = self._instant(day) + timedelta(hours=13 if late else 0, minutes=self.random.randint(0, 20))
        self.events["late runs"] += late
        self.checks.late = late
        self.testnet.move_to(at + timedelta(seconds=self.theirs_s))
        self._quote(day)
        # Without any bar there would be no day.
        on_time = late or len(self.traded) < 2 or self._corrupt(day)
        if not on_time and self.random.random() < LATE_BARS:
            self.awaited = self.random.choice(self.traded)
        self._pass(day)
        self.lived = True
        if self.awaited:
            self._second_pass(day)

    def _pass(self, day: date) -> None:
        """Runs of the day until one comes through; then the checks, and a run that must change nothing."""
        for attempt in range(ATTEMPTS + 1):
            if attempt == ATTEMPTS:
                self._calm()
            if self._attempt(day):
                break
            self.testnet.sleep(self.random.randint(30, 1_200))
        else:
            raise AssertionError(f"{day} did not end without a fault")
        with self._quiet():
            self.checks.after(day, self._job(day))
            before = self.checks.contents()
            self._attempt(day)
            assert self.checks.contents() == before, f"a second run of {day} changed something"
            self.checks.with_the_exchange(self._job(day))
            self.checks.balances()

    def _second_pass(self, day: date) -> None:
        """The late bar comes: its symbol is decided alone, and both passes must replay exactly."""
        symbol, self.awaited = self.awaited, ""
        first = self.checks.of_first_pass(day)
        self.testnet.sleep(self.random.randint(3_600, 7 * 3_600))
        closes = self.checks.flattened is not None
        if self.halted_since is None and self.random.random() < FLATTENED_BETWEEN:
            self.events["flattenings between passes"] += 1
            self._flatten(day + timedelta(days=1))
        self._pass(day)
        assert self.checks.of_first_pass(day) == first, f"the second pass of {day} changed the first"
        decided = self.checks.decided_later(day)
        # A day that closes everything waits for no symbol.
        assert decided == ([] if closes else [symbol]), f"{decided} of {day} were decided late, and {symbol} was late"
        self.events["second passes"] += bool(decided)
        with self._quiet():
            reconcile(self._job(day))
            self._check_sleeves(day)

    def _check_sleeves(self, day: date) -> None:
        """Demand that the sleeves, if there are any, have earned and hold what the account has and does."""
        if not self.strategy.sleeves:
            return
        with connect(self.home) as store:
            found = account_sleeves(store, ACCOUNT, day)
        assert found is not None, f"no sleeve of {day} is known"
        self.checks.shared(found)

    def _attempt(self, day: date) -> bool:
        """Return whether a run of the day came to its end, or said in a sentence why it sends no orders."""
        try:
            self._run(day)
        except Killed:
            return False
        except OrdersBlocked:
            self.events["blocked"] += not self.dice.calm
            return True
        except EXPECTED as error:
            self.events[f"ended by {type(error).__name__}"] += 1
            return False
        return True

    def _run(self, day: date) -> None:
        job, source = self._job(day), self.source
        if self.dice.hit(0.03, "source late"):
            source = DeadBars(listings=self.source.listings, streaming=True)
        elif self.awaited:
            source = self.source.faulty(Fault(symbol=self.awaited, day=day))
        asked = symbols_asked(job)
        if asked:
            ingest(replace(job, symbols=asked).in_data, lambda: source)
        barred = self._publish(job)
        settled = settle(job, self._broker, barred)
        barred |= settled.agreement.barred
        signal(job, NO_MODEL, barred, settled.agreement.barred)
        trade(job, self._broker)
        demand_nothing_withheld(job)

    def _publish(self, job: Job) -> dict[str, str]:
        """Return what stands for the gate: staged bars are published, but for a symbol that is found corrupt today."""
        barred = {self.awaited: f"{self.awaited}: its bar of {job.as_of} has not come"} if self.awaited else {}
        with connect(job.home) as store:
            for symbol in staging.staged_symbols(store, job.source):
                if symbol == SYMBOLS[1] and self._corrupt(job.as_of):
                    barred[symbol] = f"{symbol}: its newest bar is corrupt"
                    continue
                bar_store.publish(store, job.source, symbol, ingested_at=job.now)
        return barred

    def _corrupt(self, day: date) -> bool:
        return random.Random(f"corrupt {self.seed} {day}").random() < 0.02

    def _broker(self, now: datetime) -> Broker:
        if self.venue == PAPER:
            return PaperBroker(now)
        transport = DeadlyTransport(
            self.testnet.exchange,
            dice=self.dice,
            clock=self.clock,
            beside=self._second_run,
            set_clocks=self._set_clocks,
        )
        return self.testnet.broker(self.venue, transport)

    def _set_clocks(self) -> None:
        """Set our clock or the exchange's forward or back, now and then; what a monotonic clock measures goes on."""
        if self.dice.calm or self.clocksmith.random() >= CLOCKS_SET:
            return
        self.events["clocks set"] += 1
        to_s, ours = self.clocksmith.uniform(-CLOCK_OFF_S, CLOCK_OFF_S), self.clocksmith.random() < 0.5
        step = timedelta(seconds=to_s - (self.ours_s if ours else self.theirs_s))
        if ours:
            self.ours_s = to_s
            self.clock.now, self.clock.offset = self.clock.now + step, self.clock.offset - step
        else:
            self.theirs_s = to_s
            self.clock.offset += step

    def _second_run(self, rate: float) -> None:
        """Now and then another run of the same day goes all its way while this one waits for an answer."""
        if self.beside or self.dice.calm or self.random.random() >= rate:
            return
        self.beside, self.events["second runs"] = True, self.events["second runs"] + 1
        try:
            self._run(self.today)
        except EXPECTED:
            pass
        finally:
            self.beside = False

    def _job(self, day: date) -> Job:
        self.today = day
        closed = self._instant(day) - timedelta(minutes=5)
        job = replace(a_job(self.home, self.traded, day, self.strategy), broker=self.venue)
        now = closed + timedelta(minutes=5) if self.venue == PAPER else self._now()
        return with_held_beside(replace(job, now=now, sends_until=closed + timedelta(hours=12)))

    def _now(self) -> datetime:
        """Our time, which is the exchange's but for what the two are wrong by."""
        return self.testnet.clock.server() + timedelta(seconds=self.ours_s - self.theirs_s)

    def _between(self, day: date) -> None:
        """Do what people and venues do between two runs."""
        self._fund()
        dice = self.random.random()
        with self._quiet():
            if self.halted_since is None and dice < 0.01 and self.lived and dice > FLATTENED:
                self.halted_since, self.events["halts"] = day, self.events["halts"] + 1
                halt(self.home, "daily", "the test says so", self._now())
                self.checks.halted = True
            elif self.halted_since is not None and day >= self.halted_since + timedelta(days=4):
                self.halted_since, self.traded = None, self.symbols
                resume(self.home, "daily", "the test says so", self._now())
                self.checks.halted, self.checks.flattened = False, None
            elif dice > 0.99 and self.venue != PAPER and day > FIRST + timedelta(days=20):
                self.events["resets"] += 1
                self.testnet.exchange.reset()
                self.checks.reset()
        if self.halted_since is None and dice <= FLATTENED and self.lived:
            self.testnet.move_to(self._instant(day) - timedelta(hours=1) + timedelta(seconds=self.theirs_s))
            self._flatten(day)
            self.traded = ("BTCUSDT",) if dice < FLATTENED / 3 else self.symbols
        broken = random.Random(f"break {self.seed} {day.toordinal() // 5}").random() < 0.04
        for books in (self.testnet.exchange.spot.books, self.testnet.exchange.futures.books):
            books[SYMBOLS[1]].listing.status = "BREAK" if broken else "TRADING"
        self.events["days a symbol is halted"] += broken

    def _flatten(self, day: date) -> None:
        """A person flattens the account from the day on, again and again until the command comes through."""
        self.halted_since, self.events["flattenings"] = day, self.events["flattenings"] + 1
        for attempt in range(ATTEMPTS + 1):
            with self._quiet() if attempt == ATTEMPTS else nullcontext():
                try:
                    flatten(self.home, "daily", "the test says so", self._now(), lambda _, now: self._broker(now))
                    break
                except (*EXPECTED, Killed):
                    self.events["flattenings cut short"] += 1
        self.checks.halted, self.checks.flattened = True, day

    def _fund(self) -> None:
        if self.venue == VENUES[2] and self.testnet.exchange.futures.books[SYMBOLS[0]].last:
            for symbol in SYMBOLS:
                self.testnet.exchange.fund(symbol, Decimal(self.random.choice(("0.0001", "-0.0001", "0.0003"))))

    def _quote(self, day: date) -> None:
        """The exchange stands at the open of the bar that comes; now and then its book is thin."""
        for listing in self.source.listings:
            frame = record(listing)
            opened = float(frame.loc[frame["open_time"] == str(day + timedelta(days=1)), "open"].iloc[0])
            thin = self.random.random() < 0.05
            self.events["thin books"] += thin
            price = Decimal(round(opened * 10)) / 10
            self.testnet.exchange.quote(listing.symbol, price, depth=Decimal(3) if thin else None)

    def _calm(self) -> None:
        self.dice.calm = True
        self._kept, self.testnet.exchange.faults = self.testnet.exchange.faults, Faults()
        self.testnet.exchange.delays.rate = 0.0

    def _quiet(self) -> "Quiet":
        return Quiet(self)

    @staticmethod
    def _instant(day: date) -> datetime:
        """Five minutes after the close of the day's bar."""
        return datetime.combine(day + timedelta(days=1), time(0, 5), tzinfo=UTC)


@dataclass
class Quiet:
    """A block in which nothing goes wrong."""

    year: SimulatedYear

    def __enter__(self) -> None:
        year = self.year
        if not year.dice.calm:
            year._calm()

    def __exit__(self, *failure: object) -> None:
        self.year.dice.calm = False
        self.year.testnet.exchange.faults = self.year._kept
        self.year.testnet.exchange.delays.rate = FORGETFUL
