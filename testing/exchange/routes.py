"""One endpoint of the fake exchange: who answers, what it weighs, whether it must be signed and what it reads."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from testing.exchange.parameters import Parameters

Json = Any


@dataclass(frozen=True, slots=True)
class Route:
    """`weight_all` is what the request weighs without a symbol, `weight_order` what it weighs with an order's number.

    `names` are read and no others, where it is signed.
    """

    answer: Callable[[Parameters], Json]
    weight: int
    weight_all: int | None = None
    signed: bool = True
    names: Collection[str] = ()
    weight_order: int | None = None

    def weighs(self, sent: Parameters) -> int:
        if self.weight_order is not None and sent.has("orderId"):
            return self.weight_order
        return self.weight if self.weight_all is None or sent.has("symbol") else self.weight_all
