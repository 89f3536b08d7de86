"""Two hundred days under a real server, as `benchmarks/served_soak.py` lives them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from testing.servers.prefect_server import ROOT, clean_environment

DAYS = 200
#: What a run may leave in Prefect's file, and in the memory of server and worker, and how far from a straight line.
MOST_KB_A_DAY = {"turbodmt.duckdb": 60, "prefect.db": 1_000, "server memory": 800, "worker memory": 500}
MOST_MB_OFF = 20


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.timeout(7_200)
def test_two_hundred_served_days_leave_each_day_once_no_zombie_and_linear_growth(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(ROOT / "benchmarks" / "served_soak.py"), "--days", str(DAYS)],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=7_000,
        check=False,
    )
    # It fails unless all runs completed and the ledger has every day, decision and order once.
    assert done.returncode == 0, done.stderr or done.stdout
    assert f"runs by state: {{'COMPLETED': {DAYS}}}; 0 days too many" in done.stdout
    line = r"^(.+?) +[\d.]+ MB at the end, +([+-][\d.]+) kB a day, never more than ([\d.]+) MB off that line$"
    grown = {name: (float(slope), float(off)) for name, slope, off in re.findall(line, done.stdout, re.MULTILINE)}
    for name, most in MOST_KB_A_DAY.items():
        slope, off = grown[name]
        assert slope < most, name
        assert off < MOST_MB_OFF, name
    free, size = (float(one) for one in re.findall(r"runs: ([\d.]+) of ([\d.]+) MB are free", done.stdout)[0])
    assert free > size / 2
