"""The state of a fake venue, as the bodies of its answers read it."""

from collections.abc import Mapping
from typing import Protocol, TypeVar

from testing.exchange.access import OrderLimits, RequestLimits
from testing.exchange.book import Book
from testing.exchange.orders import OrderBooks
from testing.exchange.parameters import Parameters

Account = TypeVar("Account", covariant=True)


class VenueState(Protocol[Account]):
    """Books, orders, limits and the account of a venue; `shown` is the account as clients see it, which may lag."""

    requests: RequestLimits
    order_limits: OrderLimits
    orders: OrderBooks

    @property
    def books(self) -> Mapping[str, Book]: ...

    @property
    def account(self) -> Account: ...

    @property
    def shown(self) -> Account: ...

    @property
    def now_ms(self) -> int: ...

    def book(self, sent: Parameters) -> Book: ...
