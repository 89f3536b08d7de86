"""Draws docs/report.png, the head of the report of the README's backtest, and prints the README's figures.

`.venv/bin/python benchmarks/readme_picture.py [--results DIR]`; `turbo` is walked forward on the embedded sample, which
trains networks once a year and takes some minutes. `--results` names a folder that the same command has filled already.
Needs Chromium.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
COMMAND = (
    *("backtest", "--symbol", "^GSPC", "--start-date", "2014-01-01", "--end-date", "2018-12-31"),
    *("--strategy", "turbo,hold,vol-target,momentum,rules"),
)
SIZE_PX = (1280, 1030)


def answer(folder: Path) -> dict[str, Any]:
    """Return what the command answers; its report lies in the folder afterwards."""
    program = Path(sys.executable).parent / "turbodmt"
    with tempfile.TemporaryDirectory() as home:
        told = subprocess.run(
            [str(program), *COMMAND, "--save-results", str(folder), "--home", home, "--json"],
            check=True,
            stdout=subprocess.PIPE,
        )
    (folder / "answer.json").write_bytes(told.stdout)
    answered: dict[str, Any] = json.loads(told.stdout)
    return answered


def photograph(page: Path, picture: Path) -> None:
    """Save the head of the page as a browser shows it."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        raise SystemExit("no Chromium was found; install it to draw the picture")
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--screenshot={picture}")
    size = ",".join(map(str, SIZE_PX))
    subprocess.run(
        [browser, *options, f"--window-size={size}", page.resolve().as_uri()], check=True, stderr=subprocess.DEVNULL
    )


def main() -> None:
    """Prints the figures and draws the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, help="a folder that the command has filled already")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = options.results or Path(folder)
        told = json.loads((results / "answer.json").read_text()) if options.results else answer(results)
        photograph(results / "report.html", ROOT / "docs" / "report.png")
    figures = {"turbo": told["net"], **{name: benchmark["net"] for name, benchmark in told["benchmarks"].items()}}
    for name, figure in figures.items():
        print(f"{name:12} net Sharpe {figure['sharpe']:6.2f}, total return {figure['total_return']:+.1%}")
    print(json.dumps(told["significance"], indent=2))


if __name__ == "__main__":
    main()
