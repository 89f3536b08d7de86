"""The fake exchange's reading of what was sent: text, decimals, numbers, each refused as the documentation says."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import parse_qsl

from testing.exchange.access import Refusal

# -1100 ILLEGAL_CHARS tells the legal range in its message; scientific notation (1E-5) lies outside it. errors.md
# gives the message's form, the range is as the site is known to answer.
_DECIMAL = re.compile(r"([0-9]{1,20})(\.[0-9]{1,20})?")
SIGNING = frozenset({"timestamp", "recvWindow", "signature"})


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of one request, by name."""

    values: Mapping[str, str]

    @classmethod
    def read(cls, query: str, body: str) -> "Parameters":
        """The query string's values first, where a name came in both, as rest-api.md says."""
        values: dict[str, str] = {}
        for text in (body, query):
            pairs = parse_qsl(text, keep_blank_values=True) if text else []
            named = dict(pairs)
            if len(named) != len(pairs):
                raise Refusal(-1101, "Duplicate values for a parameter detected.")
            values |= named
        return cls(values)

    def check_names(self, known: Collection[str]) -> None:
        """Nothing when every name is one that the endpoint reads (-1104 UNREAD_PARAMETERS otherwise)."""
        read = [name for name in self.values if name in known or name in SIGNING]
        if len(read) != len(self.values):
            counts = f"read '{len(read)}' parameter(s) but was sent '{len(self.values)}'"
            raise Refusal(-1104, f"Not all sent parameters were read; {counts}.")

    def has(self, name: str) -> bool:
        return name in self.values

    def text(self, name: str) -> str:
        """The value of a mandatory parameter."""
        value = self.values.get(name, "")
        if not value:
            raise Refusal(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
        return value

    def option(self, name: str, default: str = "") -> str:
        value = self.values.get(name, default)
        if name in self.values and not value:
            raise Refusal(-1105, f"Parameter '{name}' was empty.")
        return value

    def choice(self, name: str, choices: Collection[str], code: int, message: str) -> str:
        value = self.text(name)
        if value not in choices:
            raise Refusal(code, message)
        return value

    def amount(self, name: str, digits: int = 8) -> Decimal:
        """A mandatory decimal above zero."""
        value = self.text(name)
        if not _DECIMAL.fullmatch(value):
            legal = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
            raise Refusal(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")
        if len(value.partition(".")[2].rstrip("0")) > digits:
            raise Refusal(-1111, f"Parameter '{name}' has too much precision.")
        return Decimal(value)

    def number(self, name: str) -> int | None:
        """An optional whole number."""
        if name not in self.values:
            return None
        value = self.values[name]
        if not re.fullmatch(r"[0-9]{1,20}", value):
            raise Refusal(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
        return int(value)

    def limit(self, default: int, most: int = 1000) -> int:
        number = self.number("limit")
        return min(default if number is None else number, most)

    def which(self) -> tuple[int | None, str | None]:
        """The number and the client's name of the order that is meant; one of them must be there."""
        number, name = self.number("orderId"), self.values.get("origClientOrderId")
        if number is None and not name:
            message = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
            raise Refusal(-1102, message)
        return number, name
