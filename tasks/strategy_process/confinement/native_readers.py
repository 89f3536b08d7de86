"""Refusal of words for readers in compiled code, which no audit event shows, where the kernel cannot confine them."""

import ast
from collections.abc import Iterator

from strategy.signals.faults import StrategyRefused
from tasks.strategy_process.outside_world import Guard

#: Modules whose functions open files in compiled code; they have no other use to a strategy.
_MODULES = frozenset(
    {
        *("duckdb", "fastparquet", "h5py", "netCDF4", "tables", "zarr"),
        *(f"pyarrow.{name}" for name in ("csv", "dataset", "feather", "fs", "ipc", "json", "orc", "parquet")),
    }
)
#: Functions and classes of pandas, Polars and PyArrow that do.
_NAMES = frozenset(
    {
        *("LocalFileSystem", "OSFile", "input_stream", "memory_map", "open_input_file", "open_input_stream"),
        *("read_feather", "read_hdf", "read_orc", "read_parquet"),
        *("scan_csv", "scan_ipc", "scan_ndjson", "scan_parquet"),
    }
)


def refuse_native_readers(guard: Guard, tree: ast.Module) -> None:
    """Raise StrategyRefused if the file names a module or function that opens files in compiled code."""
    found = word_for_a_native_reader(tree)
    if found is not None:
        line, name = found
        raise StrategyRefused(guard.origin, guard.refusal_at(line, f"opens files with {name}").fault)


def word_for_a_native_reader(tree: ast.Module) -> tuple[int, str] | None:
    r"""Return line and name of the first module or function that opens files in compiled code; None without one.

    >>> word_for_a_native_reader(ast.parse("from pyarrow import csv"))
    (1, 'pyarrow.csv')
    >>> word_for_a_native_reader(ast.parse("import pandas as pd\npd.read_parquet('eps.parquet')"))
    (2, 'pd.read_parquet')
    """
    for node in ast.walk(tree):
        for name in _names(node):
            if name.rpartition(".")[2] in _NAMES or any(f"{name}.".startswith(f"{each}.") for each in _MODULES):
                return getattr(node, "lineno", 1), name
    return None


def _names(node: ast.AST) -> Iterator[str]:
    """Yield the names that a node imports or takes from something, with their modules."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Attribute):
        yield ast.unparse(node)
