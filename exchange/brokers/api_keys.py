"""The keys of an account at a testnet."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeys:
    """A key and its secret, neither of which is ever shown."""

    key: str = field(repr=False)
    secret: str = field(repr=False)
