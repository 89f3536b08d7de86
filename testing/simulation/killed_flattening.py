"""An account that is flattened and resumed by runs that die before they write or ask, and are repeated.

`python -m testing.simulation.killed_flattening SAMPLE SEED VENUE…` prints as JSON, for each venue, how many deaths each
step has been through and what went wrong; a sample of 0 takes them all. What lies outside a process changes by
statements that write and by requests alone: a death at any other line leaves what one before the next of these leaves.
Each death is lived in a fork of its own, which has the store and the exchange in its memory as they were before.
"""

import json
import logging
import os
import random
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from storage.database import connect
from storage.ledger import broker_events, risk_state
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from strategy.account.orders import Order, OrderState, Side
from strategy.portfolio.drawdown_halt import HaltKind
from tasks.notices.left_over import left_over
from tasks.operations.halt import flatten, resume
from tasks.run.job import PAPER
from testing.simulation.calm_days import BTC, DAYS, Calm
from testing.simulation.checks import ACCOUNT
from testing.simulation.store import Dice, Killed
from testing.simulation.year import FIRST

SEED = 3
#: Days that an account takes to be closed after a run has died: an order that may have left is waited for.
CLOSING = 3
#: What changes nothing outside the process.
HARMLESS = frozenset({"a query", "opening the store"})
#: By then the exchange takes no request of the dead run any more.
LATER_S = 120


@dataclass
class Countdown(Dice):
    """Dice that kill at the call number `last` of those that may change something outside, and at no other."""

    calls: int = 0
    last: int = 0

    def maybe_kill(self, where: str) -> None:
        if where in HARMLESS:
            return
        self.calls += 1
        if self.calls == self.last:
            raise Killed(where)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What happens before a run starts, the run, which may die and is then repeated, and what must hold after it."""

    name: str
    before: Callable[[], None]
    run: Callable[[], None]
    law: Callable[[], None]


class Flattening(Calm):
    """An account that holds something, and the steps that close it, resume it and let it trade again."""

    def __init__(self, home: Path, venue: str) -> None:
        super().__init__(SEED, home, venue)
        self.dice: Countdown = Countdown(SEED)

    def begin(self) -> None:
        """Live until the account holds something and an order of it waits: on paper those of its last day."""
        for self.number in range(len(DAYS) - CLOSING - 1):
            self.on(self.number)
            with connect(self.home) as store:
                snapshot = position_store.latest_snapshot(store, ACCOUNT)
                waits = order_store.open_orders(store, ACCOUNT) if self.venue == PAPER else ()
            if snapshot and snapshot.account.positions and (waits or self.venue != PAPER):
                break
        else:
            raise AssertionError("nothing is held, or no order waits; take another seed")
        if self.venue != PAPER:
            self._rest()
        # What was accepted before the halt may have opened positions.
        self.checks.seen = len(self.testnet.exchange.accepted_orders)

    def steps(self) -> tuple[Step, ...]:
        """The steps, each of a run of its own."""
        closing = [self._a_day(self.number + 1 + later) for later in range(CLOSING)]
        flattening = Step(name="flatten", before=self._flattened, run=self._flatten_now, law=self._nothing_waits)
        resuming = Step(name="resume", before=self._resumed, run=self._resume_now, law=self._trades_again)
        return flattening, *closing, resuming, self._a_day(self.number + 1 + CLOSING)

    def outcome(self, place: int, deadly: int) -> list[str]:
        """Return the store's contents after the steps from that place on, of which the first dies at a call."""
        for number, step in enumerate(self.steps()[place:]):
            if number == 0 and deadly:
                self._die(step, deadly)
            elif number:
                step.before()
            step.run()
            step.law()
        return [repr(row) for row in self.checks.contents()]

    def calls(self, place: int) -> int:
        """Return how often a run of the step may die."""
        before = self.dice.calls
        self.steps()[place].run()
        return self.dice.calls - before

    def _die(self, step: Step, deadly: int) -> None:
        self.dice.last = self.dice.calls + deadly
        try:
            step.run()
        except Killed:
            self.dice.last = 0
        else:
            raise AssertionError(f"{step.name} did not die at call {deadly}")
        if self.venue != PAPER:
            self.testnet.sleep(LATER_S)

    def _a_day(self, number: int) -> Step:
        day = DAYS[number]

        def before() -> None:
            self.testnet.move_to(self._instant(day))
            self._quote(day)

        def law() -> None:
            self.checks.after(day, self._job(day))
            if number == self.number + CLOSING:
                with connect(self.home) as store:
                    left = {each.symbol: each.code for each in left_over(store, ACCOUNT)}
                assert set(left.values()) <= {"dust"}, f"{left} are left after {day}"

        return Step(name=f"day {number - self.number}", before=before, run=partial(self._run, day), law=law)

    def _flattened(self) -> None:
        self.testnet.move_to(self._instant(DAYS[self.number + 1]) - timedelta(hours=1))
        self.checks.halted, self.checks.flattened = True, DAYS[self.number + 1]

    def _flatten_now(self) -> None:
        flatten(self.home, ACCOUNT, "the test says so", self._now(), lambda _, now: self._broker(now))

    def _resumed(self) -> None:
        self.checks.halted, self.checks.flattened = False, None

    def _resume_now(self) -> None:
        resume(self.home, ACCOUNT, "the test says so", self._now())

    def _nothing_waits(self) -> None:
        with connect(self.home) as store:
            waiting = order_store.open_orders(store, ACCOUNT)
            kinds = [kind for kind, *_ in store.execute("SELECT kind FROM halts").fetchall()]
        assert not waiting, f"{waiting} wait though the account is flattened"
        assert kinds == [HaltKind.FLATTEN], f"the halts are {kinds}"
        resting = [order.client_id for order in self.testnet.exchange.accepted_orders if order.status == "NEW"]
        assert not resting, f"{resting} rest at the exchange"

    def _trades_again(self) -> None:
        with connect(self.home) as store:
            state = risk_state.load(store, ACCOUNT)
            ((count,),) = store.execute("SELECT count(*) FROM halts").fetchall()
        assert (state.halted, state.flatten, count) == (False, False, 2), f"{state} after {count} halts"

    def _rest(self) -> None:
        """Have an order of an earlier day rest at the exchange, below the price."""
        spot = self.venue == "testnet-spot"
        exchange = self.testnet.exchange
        price = (exchange.spot if spot else exchange.futures).books[BTC].last
        as_of = FIRST - timedelta(days=1)
        order = Order(order_id=f"tdmt-{5:024x}", symbol=BTC, as_of=as_of, side=Side.BUY, quantity=Decimal(2))
        sent = replace(order, state=OrderState.SENT)
        with connect(self.home) as store:
            order_store.record_orders(store, ACCOUNT, [order])
            order_store.claim_order(store, ACCOUNT, sent)
            broker_events.record_step(store, ACCOUNT, sent, self._now())
        limit = {"type": "LIMIT", "timeInForce": "GTC", "price": f"{price * 97 / 100:.1f}"}
        named = {"symbol": BTC, "side": "BUY", "quantity": order.quantity, "newClientOrderId": order.order_id}
        exchange.call("POST", "/api/v3/order" if spot else "/fapi/v1/order", **limit, **named)


def in_a_fork(work: Callable[[], Any]) -> Any:
    """Return what the work returns, or its traceback, and leave nothing of what it did."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = work()
        except BaseException:  # noqa: BLE001 - the process ends here whatever it was
            said = traceback.format_exc()
        with os.fdopen(writing, "w") as pipe:
            json.dump(said, pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return json.loads(said)


def deaths(venue: str, sample: int, seed: int) -> dict[str, Any]:
    """Return how many deaths each step has been through at the venue, and what went wrong."""
    draw = random.Random(f"deaths {seed} {venue}")
    counts: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder, Flattening(Path(folder) / "home", venue).open() as year:
        year.begin()
        steps = year.steps()
        steps[0].before()
        undisturbed = in_a_fork(partial(year.outcome, 0, 0))
        wrong = [] if isinstance(undisturbed, list) else [f"nothing disturbs it, and yet: {undisturbed}"]
        for place, step in enumerate(steps[:-1]):
            if place:
                step.before()
            calls = in_a_fork(partial(year.calls, place))
            chosen = draw.sample(range(1, calls + 1), min(sample or calls, calls))
            counts[step.name] = len(chosen)
            for deadly in chosen:
                told = in_a_fork(partial(year.outcome, place, deadly))
                # Of an order that may have left a broker learns only the day after.
                if not isinstance(told, list) or (venue == PAPER and told != undisturbed):
                    wrong.append(f"{step.name} died at call {deadly} of {calls}: {told}")
            step.run()
    return {"deaths": counts, "wrong": wrong}


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    taken, drawn, *venues = sys.argv[1:]
    sys.stdout.write(json.dumps({venue: deaths(venue, int(taken), int(drawn)) for venue in venues}))
