"""What holds the stores of tests lets go of them wherever a test could tell the difference."""

import os
import shutil
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path

import pytest

from storage import instance
from storage.database import DATABASE_NAME, connect
from testing.accounts.held_stores import stores_held


def held(home: Path) -> bool:
    return instance.attached(home / DATABASE_NAME)


def test_a_store_stays_attached_until_the_block_ends(home: Path) -> None:
    with connect(home):
        pass
    assert not held(home)
    with stores_held():
        with connect(home) as store:
            store.execute("CREATE TABLE made (i INTEGER)")
        assert held(home)
        with connect(home) as store:
            assert store.execute("SELECT count(*) FROM made").fetchone() == (0,)
    assert not held(home)


def test_another_process_finds_the_store_free_and_so_do_all_after_it(home: Path) -> None:
    code = "import pathlib, sys, storage.database as it\nwith it.connect(pathlib.Path(sys.argv[1])): pass"
    with stores_held():
        with connect(home):
            pass
        subprocess.run([sys.executable, "-c", code, str(home)], check=True, timeout=60, cwd=Path(__file__).parents[2])
        with connect(home):
            pass
        assert not held(home)


def test_a_fork_and_a_spawned_worker_let_go_too(home: Path) -> None:
    with stores_held():
        with connect(home):
            pass
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        assert not held(home)
    with stores_held():
        with connect(home):
            pass
        worker = get_context("spawn").Process(target=os.getpid)
        worker.start()
        worker.join(60)
        assert not held(home)


def test_a_store_that_was_replaced_is_attached_anew(home: Path, tmp_path: Path) -> None:
    with connect(home):
        pass
    shutil.copytree(home, tmp_path / "empty")
    with stores_held():
        with connect(home) as store:
            store.execute("CREATE TABLE made (i INTEGER)")
        shutil.rmtree(home)
        (tmp_path / "empty").rename(home)
        with connect(home) as store, pytest.raises(Exception, match="made does not exist"):
            store.execute("SELECT * FROM made")
