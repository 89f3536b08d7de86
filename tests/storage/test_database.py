import os
import pickle
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from storage.database import DATABASE_NAME, MIGRATIONS, Connection, connect, migrate, patient, transaction
from storage.errors import StoreError, StoreReadOnly, from_database
from testing.accounts.new_stores import make_anew

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stores are made here as they are for a user."""
    monkeypatch.setattr("storage.database._create", make_anew)


def script(folder: Path, name: str, sql: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(sql, encoding="utf-8")


def write_and_fail(store: Connection, message: str) -> None:
    store.execute("INSERT INTO numbers VALUES (1)")
    raise RuntimeError(message)


@contextmanager
def other_process(code: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A running process that has printed its first line."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_new_home_is_private_and_has_every_table(home: Path) -> None:
    with connect(home) as store:
        tables = {row[0] for row in store.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        zone = store.execute("SELECT current_setting('TimeZone')").fetchone()
    assert zone == ("UTC",)
    assert {"instruments", "bars", "bars_staged", "bars_quarantine", "validations", "acceptances"} <= tables
    assert {"models", "verdicts", "promotions", "trials", "decisions", "orders", "fills", "entries"} <= tables
    assert {"account_snapshots", "risk_state", "runs", "migrations"} <= tables
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert [path.name for path in home.iterdir()] == [DATABASE_NAME]
    assert stat.S_IMODE((home / DATABASE_NAME).stat().st_mode) == 0o600


def test_migrations_are_applied_once_and_only_the_pending_ones(tmp_path: Path) -> None:
    store = duckdb.connect()
    script(tmp_path, "0001_one.sql", "CREATE TABLE one (i INTEGER); INSERT INTO one VALUES (1);")
    assert migrate(store, tmp_path) == (1,)
    assert migrate(store, tmp_path) == ()
    script(tmp_path, "0002_two.sql", "CREATE TABLE two (i INTEGER);")
    assert migrate(store, tmp_path) == (2,)
    assert store.execute("SELECT * FROM one").fetchall() == [(1,)]
    assert store.execute("SELECT number, name FROM migrations").fetchall() == [(1, "0001_one.sql"), (2, "0002_two.sql")]


def test_a_failing_migration_leaves_nothing_behind(tmp_path: Path) -> None:
    store = duckdb.connect()
    script(tmp_path, "0001_one.sql", "CREATE TABLE one (i INTEGER); INSERT INTO nowhere VALUES (1);")
    with pytest.raises(duckdb.CatalogException, match="nowhere"):
        migrate(store, tmp_path)
    assert store.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [("migrations",)]
    assert store.execute("SELECT count(*) FROM migrations").fetchone() == (0,)


def test_an_edited_migration_is_refused(tmp_path: Path) -> None:
    store = duckdb.connect()
    script(tmp_path, "0001_one.sql", "CREATE TABLE one (i INTEGER);")
    migrate(store, tmp_path)
    script(tmp_path, "0001_one.sql", "CREATE TABLE one (i BIGINT);")
    with pytest.raises(StoreError, match=r"0001_one.sql was changed"):
        migrate(store, tmp_path)


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path, home: Path) -> None:
    with connect(home) as store:
        store.execute("INSERT INTO migrations VALUES (99, '0099_later.sql', 'x')")
    with pytest.raises(StoreError, match="newer version: it has migration 99"), connect(home):
        pass


def test_migrations_are_looked_for_once_while_this_process_holds_the_file(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Path] = []

    def look(store: Connection, folder: Path) -> tuple[int, ...]:
        looked.append(folder)
        return migrate(store, folder)

    monkeypatch.setattr("storage.database.migrate", look)
    with connect(home), connect(home) as store, connect(home):
        assert store.execute("SELECT count(*) FROM runs").fetchone() == (0,)
    assert len(looked) == 1
    # Another process may have held it meanwhile.
    with connect(home):
        assert len(looked) == 2


def test_two_migrations_of_one_number_are_refused_before_either_is_applied(tmp_path: Path) -> None:
    store = duckdb.connect()
    script(tmp_path, "0001_one.sql", "CREATE TABLE one (i INTEGER);")
    script(tmp_path, "0001_other.sql", "CREATE TABLE other (i INTEGER);")
    with pytest.raises(StoreError, match=r"0001_one.sql and 0001_other.sql have the same number, 1"):
        migrate(store, tmp_path)
    assert store.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [("migrations",)]


def test_migrations_are_numbered_without_a_gap() -> None:
    numbers = [int(path.name[:4]) for path in sorted(MIGRATIONS.glob("*.sql"))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_transaction_is_kept_whole_or_not_at_all(home: Path) -> None:
    with connect(home) as store:
        store.execute("CREATE TABLE numbers (i INTEGER)")
        with pytest.raises(RuntimeError, match="half way"), transaction(store):
            write_and_fail(store, "half way")
        with transaction(store), transaction(store):
            store.execute("INSERT INTO numbers VALUES (2)")
        assert store.execute("SELECT i FROM numbers").fetchall() == [(2,)]


def test_a_failure_in_an_inner_transaction_undoes_the_outer_one(home: Path) -> None:
    with connect(home) as store:
        store.execute("CREATE TABLE numbers (i INTEGER)")
        with pytest.raises(RuntimeError, match="inner"), transaction(store), transaction(store):
            write_and_fail(store, "inner")
        assert store.execute("SELECT i FROM numbers").fetchall() == []


def test_a_store_held_by_another_process_names_that_process(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
        import sys, time
        from pathlib import Path
        from storage.database import connect
        with connect(Path(sys.argv[1])):
            print("open", flush=True)
            time.sleep(60)
    """
    with other_process(code, str(home)) as holder:
        with (
            pytest.raises(StoreError, match=rf"process {holder.pid} and stayed so for 0.2 s"),
            connect(home, timeout_s=0.2),
        ):
            pass
        monkeypatch.setattr("storage.database.PATIENCE_S", 0.1)
        with patient(0.5):
            for waited in ("0.5", "0.1"):
                with pytest.raises(StoreError, match=rf"stayed so for {waited} s"), connect(home):
                    pass
        holder.kill()
        holder.wait()
        with connect(home) as store:
            assert store.execute("SELECT count(*) FROM runs").fetchone() == (0,)


def test_a_kill_in_mid_write_leaves_whole_transactions(home: Path) -> None:
    code = """
        import sys
        from pathlib import Path
        from storage.database import connect, transaction
        with connect(Path(sys.argv[1])) as store:
            store.execute("CREATE TABLE pairs (i INTEGER, half INTEGER)")
            for i in range(1_000_000):
                with transaction(store):
                    store.execute("INSERT INTO pairs VALUES (?, 1)", [i])
                    store.execute("INSERT INTO pairs VALUES (?, 2)", [i])
                if i == 50:
                    print("busy", flush=True)
    """
    with other_process(code, str(home)) as writer:
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
    with connect(home) as store:
        rows = store.execute("SELECT count(*) FROM pairs GROUP BY i").fetchall()
    assert len(rows) > 50
    assert set(rows) == {(2,)}


def test_a_kill_in_creation_is_swept(home: Path) -> None:
    home.mkdir()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    leftover = home / f".{DATABASE_NAME}.{dead.pid}.tmp"
    leftover.write_bytes(b"half")
    with connect(home):
        assert not leftover.exists()


@pytest.mark.parametrize("data", [b"", b"not a database" * 1000])
def test_a_file_that_is_no_database_is_damaged(home: Path, data: bytes) -> None:
    home.mkdir()
    (home / DATABASE_NAME).write_bytes(data)
    with pytest.raises(StoreError, match=r"turbodmt.duckdb is damaged .*restore a copy"), connect(home):
        pass
    assert (home / DATABASE_NAME).read_bytes() == data


@pytest.mark.parametrize("kept", [0.001, 0.5])
def test_a_truncated_database_is_damaged(home: Path, kept: float) -> None:
    with connect(home) as store:
        store.execute("CREATE TABLE numbers AS SELECT random() AS r FROM range(200_000)")
    path = home / DATABASE_NAME
    os.truncate(path, int(path.stat().st_size * kept))
    with pytest.raises(StoreError, match="damaged"), connect(home) as store:
        store.execute("SELECT sum(r) FROM numbers").fetchall()


def test_flipped_bytes_are_damage(home: Path) -> None:
    with connect(home) as store:
        store.execute("CREATE TABLE numbers AS SELECT random() AS r FROM range(200_000)")
    path = home / DATABASE_NAME
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 64] = bytes(64)
    path.write_bytes(data)
    with pytest.raises(StoreError, match="checksum"), connect(home) as store:
        store.execute("SELECT sum(r) FROM numbers").fetchall()


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("taken")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StoreReadOnly, match=r"Not a directory.*--home"), connect(place):
            pass


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system that nobody can write")
def test_a_home_that_cannot_be_created_is_refused() -> None:
    with pytest.raises(StoreReadOnly, match="/proc/turbodmt"), connect(Path("/proc/turbodmt")):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_home_is_refused(home: Path) -> None:
    home.mkdir(mode=0o500)
    with pytest.raises(StoreReadOnly, match="Permission denied"), connect(home):
        pass


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ('IO Error: Cannot open file "x": Read-only file system', "cannot be written (IO Error: "),
        ('IO Error: Cannot open file "x": Permission denied', "cannot be written (IO Error: "),
        ('Failed to commit: Could not write file "x.wal": No space left on device', "could not be written: the disk, "),
        ("Corrupt database file: computed checksum 1 does not match", "is damaged or no DuckDB database (Corrupt "),
    ],
)
def test_what_duckdb_says_of_the_disk_is_named(tmp_path: Path, message: str, sentence: str) -> None:
    assert f"{tmp_path / 'x'} {sentence}" in str(from_database(duckdb.IOException(message), tmp_path / "x"))


def test_a_failure_keeps_its_remedy_when_another_process_raises_it(tmp_path: Path) -> None:
    error = pickle.loads(pickle.dumps(from_database(duckdb.IOException("Read-only file system"), tmp_path / "x")))
    assert (type(error), error.remedy) == (StoreReadOnly, "name a writable folder with --home or TURBODMT_HOME")
    assert str(error) == f"{tmp_path / 'x'} cannot be written (Read-only file system); {error.remedy}"


def test_an_error_in_a_statement_is_no_failure_of_the_disk(home: Path) -> None:
    with pytest.raises(duckdb.CatalogException, match="nowhere"), connect(home) as store:
        store.execute("SELECT * FROM nowhere")


def test_a_full_disk_is_named_and_leaves_nothing_half_written(home: Path) -> None:
    with connect(home) as store:
        store.execute("CREATE TABLE numbers (r DOUBLE)")
    code = """
        import resource, sys
        from pathlib import Path
        from storage.database import connect, transaction
        from storage.errors import StoreError
        print("started", flush=True)
        limit = 8 * 2**20
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        try:
            with connect(Path(sys.argv[1])) as store, transaction(store):
                store.execute("INSERT INTO numbers VALUES (1)")
                store.execute("INSERT INTO numbers SELECT random() FROM range(4_000_000)")
        except StoreError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(home)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "file size limit is exhausted" in done.stdout
    with connect(home) as store:
        assert store.execute("SELECT count(*) FROM numbers").fetchone() == (0,)
