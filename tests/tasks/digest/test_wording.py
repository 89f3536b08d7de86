"""A digest's words: one screen of a phone whatever has happened, and each thing said once."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from storage.accounts.cash_flows import RecordedFlow
from strategy.account.cash_flows import FlowKind
from strategy.account.orders import Fill, Order, OrderState, ReasonCode, Side
from strategy.portfolio.drawdown_halt import HaltEvent, HaltKind
from tasks.digest.facts import DayFacts, DayKind, Equity
from tasks.digest.wording import MOST_LINES, WIDTH, Beside, message

DAY = date(2020, 6, 12)
AT = datetime(2020, 6, 12, 21, tzinfo=UTC)
EQUITY = Equity(
    day=DAY,
    value=Decimal("10123.4512"),
    gain=Decimal("42.31"),
    change=0.00424,
    curve=(10_000.0, 10_200.0, 10_123.45),
    drawdown=0.0075,
)
FACTS = DayFacts(account="daily", as_of=DAY, kind=DayKind.DONE, equity=EQUITY, decided=True)


def order(symbol: str, state: OrderState = OrderState.ACKNOWLEDGED, code: ReasonCode | None = None) -> Order:
    return Order(
        order_id=symbol, symbol=symbol, as_of=DAY, side=Side.SELL, quantity=Decimal("1.5"), state=state, code=code
    )


def fill(symbol: str) -> Fill:
    return Fill(
        order_id=symbol,
        trade_id="1",
        symbol=symbol,
        as_of=DAY,
        side=Side.BUY,
        quantity=Decimal("2.50"),
        price=Decimal("301.2"),
        fee=Decimal(0),
    )


def flow(kind: FlowKind, value: str, symbol: str = "", quantity: str = "0") -> RecordedFlow:
    return RecordedFlow(
        flow_key=str(kind),
        kind=kind,
        symbol=symbol,
        cash=Decimal(0),
        quantity=Decimal(quantity),
        cost=None,
        not_before=DAY,
        reason="",
        asked_at=AT,
        settled_on=DAY,
        value=Decimal(value),
    )


def body(facts: DayFacts, beside: Beside | None = None) -> list[str]:
    return message(facts, beside or Beside()).body.splitlines()


def test_a_calm_day_is_three_lines() -> None:
    assert message(FACTS, Beside()).subject == "TurboDMT: daily"
    assert body(FACTS) == [
        "daily, Fri 2020-06-12: equity 10,123.45, +42.31 (+0.42%)",
        "▁█▅ +1.2% in 2 days, 0.8% below its peak",
        "Nothing filled, nothing ordered.",
    ]


@pytest.mark.parametrize(
    ("equity", "first"),
    [
        (None, "daily, Fri 2020-06-12: no equity yet"),
        (replace(EQUITY, gain=None, change=None), "daily, Fri 2020-06-12: equity 10,123.45, its first day"),
        (replace(EQUITY, gain=Decimal(0), change=0.0), "daily, Fri 2020-06-12: equity 10,123.45, unchanged"),
        (replace(EQUITY, gain=Decimal("-0.2"), change=None), "daily, Fri 2020-06-12: equity 10,123.45, −0.20"),
        (replace(EQUITY, day=date(2020, 6, 11)), "daily, Fri 2020-06-12: equity 10,123.45 as of 2020-06-11"),
        (
            replace(EQUITY, value=Decimal("123456789.12"), gain=Decimal("-1234567.89"), change=-0.0099),
            "daily, Fri 2020-06-12: equity 123,456,789.12, −0.99%",
        ),
    ],
)
def test_the_first_line_has_account_date_equity_and_change(equity: Equity | None, first: str) -> None:
    assert body(replace(FACTS, equity=equity))[0] == first


def test_all_at_once_is_one_screen() -> None:
    long = "the order of 2020-06-12 to sell 123456789.123456 SYMBOL was refused by a venue that says much " * 3
    facts = replace(
        FACTS,
        account="a-very-long-account-name-of-some-user-somewhere",
        kind=DayKind.HALTED,
        fills=tuple(fill(f"S{n}") for n in range(9)),
        orders=(
            *(order(f"S{n}") for n in range(9)),
            *(order(f"T{n}", OrderState.SKIPPED, ReasonCode.HALTED) for n in range(9)),
        ),
        flows=tuple(flow(FlowKind.DEPOSIT, "2500") for _ in range(9)),
        held_back={f"H{n}": long for n in range(30)},
        late=tuple(f"L{n}" for n in range(30)),
        halt=HaltEvent(kind=HaltKind.FLATTEN, since=DAY, reason=long, recorded_at=AT),
        warnings=(long,) * 9,
        repeated=4,
    )
    lines = body(facts, Beside(concerns=(long,), next_run="Next run: Mon 2020-06-15 20:30 UTC.", pages=("http://x/y",)))
    assert max(map(len, lines)) <= WIDTH
    assert len(lines) <= MOST_LINES
    assert "Filled: bought 2.5 S0 at 301.200, and 8 more" in lines
    assert "  and 7 more" in body(replace(FACTS, fills=facts.fills))
    assert "! 8 more, 4 others as on the day before" in lines


def test_what_became_of_orders_is_said() -> None:
    orders = (
        order("A"),
        order("B", OrderState.REJECTED),
        order("C", OrderState.UNKNOWN),
        order("D", OrderState.SKIPPED, ReasonCode.TOO_SMALL),
        order("E", OrderState.SKIPPED, ReasonCode.HALTED),
        order("F", OrderState.INTENDED),
    )
    assert body(replace(FACTS, orders=orders, fills=(fill("A"),)))[2:] == [
        "Filled: bought 2.5 A at 301.200",
        "Ordered:",
        "  sell 1.5 A",
        "  sell 1.5 B (refused)",
        "  sell 1.5 C (outcome unknown)",
        "Not sent:",
        "  sell 1.5 E",
        "  sell 1.5 F",
    ]


def test_orders_that_a_flattening_cancelled_or_that_expired_do_not_look_pending() -> None:
    orders = (order("A", OrderState.CANCELLED), order("B", OrderState.EXPIRED))
    assert body(replace(FACTS, orders=orders))[3:] == ["Ordered:", "  sell 1.5 A (cancelled)", "  sell 1.5 B (expired)"]


def test_money_from_outside_is_said() -> None:
    flows = (flow(FlowKind.WITHDRAWAL, "-400"), flow(FlowKind.TRANSFER, "903.6", "SPY", "3"))
    assert body(replace(FACTS, flows=flows))[3] == "Withdrawn 400.00; Transferred in 3 SPY, worth 903.60."


@pytest.mark.parametrize(
    ("kind", "decided", "subject", "said"),
    [
        (DayKind.FAILED, False, "TurboDMT: daily, failed", "Nothing was decided, the run failed: the source is down"),
        (DayKind.FAILED, True, "TurboDMT: daily, failed", "The run failed: the source is down"),
        (
            DayKind.UNFINISHED,
            False,
            "TurboDMT: daily, not finished",
            "A run began and has not ended; run the day again: it repairs",
        ),
        (
            DayKind.MISSED,
            False,
            "TurboDMT: daily, not run",
            "No run of the day has begun: see whether its schedule is on",
        ),
    ],
)
def test_a_day_that_is_not_done_says_so(kind: DayKind, decided: bool, subject: str, said: str) -> None:
    told = message(replace(FACTS, kind=kind, decided=decided, failure="the source is down"), Beside())
    assert told.subject == subject
    assert told.body.splitlines()[2] == said


def test_a_halt_and_what_is_held_back_have_their_reasons() -> None:
    halt = HaltEvent(kind=HaltKind.FLATTEN, since=DAY, reason="the feed looks wrong", recorded_at=AT)
    lines = body(replace(FACTS, halt=halt, held_back={"GLD": "GLD on 2020-06-12: no close"}, late=("SPY",)))
    assert lines[2] == "Flattened since 2020-06-12: the feed looks wrong"
    assert lines[-2:] == [
        "Came late, decided in a second pass: SPY.",
        "Held back, position kept. GLD on 2020-06-12: no close",
    ]
    assert body(replace(FACTS, held_back={"GLD": "x", "TLT": "y"}))[-1] == "Held back, positions kept: GLD, TLT."


def test_a_day_that_was_flattened_says_so_after_the_account_was_resumed() -> None:
    flattened = replace(FACTS, flattened=True)
    assert message(flattened, Beside()).subject.endswith(", flattened")
    assert body(flattened)[2] == "Flattened on this day: its orders close every position."
    halt = HaltEvent(kind=HaltKind.HALT, since=DAY, reason="on holiday", recorded_at=AT)
    assert body(replace(flattened, halt=halt))[2:4] == [
        "Flattened on this day: its orders close every position.",
        "Halted since 2020-06-12: on holiday",
    ]
    in_force = body(replace(flattened, halt=replace(halt, kind=HaltKind.FLATTEN)))
    assert [line for line in in_force if "lattened" in line] == ["Flattened since 2020-06-12: on holiday"]


def test_warnings_of_the_day_before_are_counted() -> None:
    assert body(replace(FACTS, repeated=2))[-1] == "Warnings: 2 as on the day before"
    assert body(replace(FACTS, repeated=2, warnings=("look",)))[-2:] == ["! look", "! 2 others as on the day before"]
