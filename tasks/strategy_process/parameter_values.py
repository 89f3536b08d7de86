"""Parameters of a strategy from a file: set from text, described, and rebuilt where the file's classes are unknown."""

import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, make_dataclass, replace
from functools import cache
from typing import Any, get_type_hints

#: What a parameter that can be set from text may hold.
Value = bool | int | float | str
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


class WrongParameter(ValueError):
    """A parameter that the strategy does not have, or whose text is not a value of its type."""


def _boolean(text: str) -> bool:
    if text.lower() not in (*_TRUE, *_FALSE):
        raise ValueError(text)
    return text.lower() in _TRUE


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


_READERS: Mapping[type, Callable[[str], Value]] = {bool: _boolean, int: int, float: _finite, str: str}
_MEANT = {bool: "true or false", int: "a whole number", float: "a finite number", str: "text"}


def are_parameters(parameters: object) -> bool:
    """Return whether this is a value of a frozen dataclass."""
    if isinstance(parameters, type) or not is_dataclass(parameters):
        return False
    made: Any = type(parameters)
    return bool(made.__dataclass_params__.frozen)


def with_values(parameters: object | None, texts: Mapping[str, str]) -> object | None:
    """Return the parameters, a frozen dataclass, with these fields set, each from its text by its annotated type.

    Raises WrongParameter for an unknown field, a type other than bool, int, float and str, or a text of another type.
    What the dataclass itself raises for the values passes through.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Speeds:
    ...     fast: int = 5
    >>> with_values(Speeds(), {"fast": "20"})
    Speeds(fast=20)
    """
    if not texts:
        return parameters
    if parameters is None:
        raise WrongParameter(f"there is no parameter {', '.join(texts)}; the strategy has no parameters")
    assert is_dataclass(parameters), "checked when the file was loaded"
    assert not isinstance(parameters, type), "checked when the file was loaded"
    hints = get_type_hints(type(parameters))
    known = [field.name for field in fields(parameters) if field.init]
    changes: dict[str, Any] = {}
    # A binding keeps values that cannot be set as they are described; those are there already.
    present = described(parameters).items()
    for name, text in texts.items():
        if (name, text) in present:
            continue
        if name not in known:
            raise WrongParameter(f"there is no parameter {name}; there is {', '.join(known) or 'none'}")
        reader = _READERS.get(hints[name])
        if reader is None:
            raise WrongParameter(f"{name} cannot be set; only a parameter of type bool, int, float or str can")
        try:
            changes[name] = reader(text)
        except ValueError as error:
            raise WrongParameter(f"{name} is {text!r}; it must be {_MEANT[hints[name]]}") from error
    return replace(parameters, **changes)


def described(parameters: object | None) -> dict[str, Value]:
    """Return the parameters by name; a value of any other type than those that can be set is its `repr`."""
    if parameters is None:
        return {}
    assert is_dataclass(parameters), "checked when the file was loaded"
    values = {field.name: getattr(parameters, field.name) for field in fields(parameters)}
    return {name: value if type(value) in _READERS else repr(value) for name, value in values.items()}


def rebuilt(values: Mapping[str, Value]) -> object | None:
    """Return a frozen dataclass with these fields, None without any; it is picklable, and equal if they are.

    >>> rebuilt({"fast": 20, "slow": 100})
    Parameters(fast=20, slow=100)
    """
    return _rebuilt(tuple(values.items())) if values else None


def _rebuilt(pairs: tuple[tuple[str, Value], ...]) -> object:
    made: object = _class_of(tuple((name, type(value)) for name, value in pairs))(**dict(pairs))
    return made


@cache
def _class_of(types: tuple[tuple[str, type], ...]) -> type:
    def reduce(self: object) -> tuple[object, object]:
        return _rebuilt, (tuple((name, getattr(self, name)) for name, _ in types),)

    return make_dataclass("Parameters", types, frozen=True, kw_only=True, namespace={"__reduce__": reduce})
