from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

from exchange.brokers.paper import PaperBroker
from exchange.ports import OrderReport
from strategy.account.orders import Order, OrderState, ReasonCode, Side
from strategy.market.instruments import Calendar, Instrument

NOW = datetime(2020, 1, 7, tzinfo=UTC)
ORDER = Order(order_id="o1", symbol="A", as_of=date(2020, 1, 6), side=Side.BUY, quantity=Decimal(1))
#: What became of it is known at once, whatever was said of it before.
SENT = replace(ORDER, state=OrderState.SENT, code=ReasonCode.UNSEEN)


def test_whatever_is_sent_or_asked_for_is_there_and_nothing_fills_before_the_next_bar() -> None:
    broker = PaperBroker(NOW)
    acknowledged = OrderReport(order=replace(ORDER, state=OrderState.ACKNOWLEDGED))
    assert broker.submit(SENT, NOW) == broker.enquire(SENT, NOW) == acknowledged
    assert broker.cancel(replace(SENT, code=None), NOW) == OrderReport(order=replace(ORDER, state=OrderState.CANCELLED))


def test_the_ledger_is_the_book_and_the_run_is_the_clock() -> None:
    broker, instruments = PaperBroker(NOW), (Instrument(symbol="A", calendar=Calendar.ALWAYS),)
    assert (broker.now(), broker.instruments(instruments)) == (NOW, instruments)
    assert (broker.holdings(("A",)), broker.charges(NOW)) == (None, ())
