import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from storage.database import DATABASE_NAME, connect
from storage.instance import close_connection, open_connection


def numbers(home: Path) -> list[tuple[int]]:
    with connect(home) as store:
        return store.execute("SELECT i FROM numbers ORDER BY i").fetchall()


def with_number(home: Path, number: int) -> None:
    with connect(home) as store:
        store.execute("CREATE TABLE IF NOT EXISTS numbers (i INTEGER)")
        store.execute("INSERT INTO numbers VALUES (?)", [number])


def test_another_process_may_write_between_two_connections(home: Path) -> None:
    with_number(home, 1)
    code = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute('INSERT INTO numbers VALUES (2)')"
    subprocess.run([sys.executable, "-c", code, str(home / DATABASE_NAME)], check=True)
    assert numbers(home) == [(1,), (2,)]


def test_a_file_that_was_replaced_in_between_is_the_one_that_is_read(home: Path, tmp_path: Path) -> None:
    with_number(home, 1)
    with_number(tmp_path / "other", 2)
    (tmp_path / "other" / DATABASE_NAME).replace(home / DATABASE_NAME)
    assert numbers(home) == [(2,)]


def test_two_homes_open_at_once_keep_their_own_tables(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "it's another"
    with_number(home, 1)
    with connect(home) as outer:
        with_number(other, 2)
        assert numbers(home) == [(1,)]
        assert outer.execute("SELECT i FROM numbers").fetchall() == [(1,)]
    assert numbers(other) == [(2,)]


def test_an_instance_that_broke_is_not_used_again(home: Path) -> None:
    with_number(home, 1)
    path = home / DATABASE_NAME
    first = open_connection(path)
    close_connection(path, first, broken=True)
    with pytest.raises(duckdb.ConnectionException, match="closed"):
        first.execute("SELECT 1")
    assert numbers(home) == [(1,)]


def test_ctrl_c_that_ends_a_statement_is_ctrl_c_and_leaves_the_store_usable(home: Path) -> None:
    with_number(home, 1)
    with pytest.raises(KeyboardInterrupt, match=r"^$"), connect(home):
        raise RuntimeError("Query interrupted")
    with pytest.raises(RuntimeError, match="a bug"), connect(home):
        raise RuntimeError("a bug")
    assert numbers(home) == [(1,)]


def test_a_forked_process_starts_an_instance_of_its_own_and_ends_well(home: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from storage.database import connect
home = Path(sys.argv[1])
with connect(home) as store:
    store.execute("CREATE TABLE numbers (i INTEGER)")
if child := os.fork():
    print(os.waitpid(child, 0)[1])
    with connect(home) as store:
        print(store.execute("SELECT i FROM numbers").fetchall())
else:
    with connect(home) as store:
        store.execute("INSERT INTO numbers VALUES (7)")
    sys.exit()
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(home)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "0\n[(7,)]\n", done.stderr
