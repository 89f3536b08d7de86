"""Docstrings under `python -OO`: the help of commands and the pages of deployments are made from them."""

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def documented(function: Callable[P, R]) -> Callable[P, R]:
    """Return the function with its docstring, read from its source under `python -OO`, which drops it."""
    if sys.flags.optimize > 1 and function.__doc__ is None:
        function.__doc__ = written(function)
    return function


def written(function: Callable[..., object]) -> str | None:
    """Return the docstring in the function's source; None if there is none, or no source.

    >>> written(written).startswith("Return the docstring")
    True
    """
    try:
        text = inspect.getsource(inspect.unwrap(function))
    except (OSError, TypeError):
        return None
    node = ast.parse(textwrap.dedent(text)).body[0]
    return ast.get_docstring(node) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else None
