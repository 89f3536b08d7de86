"""What Great Expectations said of a table, said again of the same one: the made-up days of tests are alike."""

import pickle
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import pandas as pd

from tasks.validation import suite
from tasks.validation.expectation import Check

validate_anew = suite._validate
#: By the digest of batch, checks and table: the rows that broke each check, by position.
_BROKEN: dict[bytes, dict[str, list[int]]] = {}
_SUITE: Any = suite


def validate(batch: str, checks: Sequence[Check], frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows that broke each check, as the suite gives them."""
    key = sha256(pickle.dumps((batch, checks, frame))).digest()
    if key not in _BROKEN:
        _BROKEN[key] = {name: list(rows.index) for name, rows in validate_anew(batch, checks, frame).items()}
    return {name: frame.iloc[rows] for name, rows in _BROKEN[key].items()}


def remember_verdicts() -> None:
    """Have this process put each table to the suite once; what tests the suite puts it anew."""
    _SUITE._validate = validate
