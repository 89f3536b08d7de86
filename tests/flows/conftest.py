"""The command line as a user meets it, in this process."""

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flows.cli.answer_schemas import ANSWERS
from flows.cli.main import main
from flows.cli.research.audit import Audit
from tasks.run.answers import Answer
from testing.markets.bars import Listing, record


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Result of a command: its exit code, and what it left on stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def answer(self) -> Any:
        """The one JSON object on stdout; raises ValueError if there is another text, or a NaN in it."""

        def refuse(name: str) -> None:
            raise ValueError(f"{name} is no JSON")

        return json.loads(self.out, parse_constant=refuse)

    @property
    def failure(self) -> str:
        """The sentence on stderr, after checking that JSON says the same and that there is nothing else."""
        sentence = self.err.removeprefix("turbodmt: ").removesuffix("\n")
        assert self.err == f"turbodmt: {sentence}\n"
        assert "Traceback" not in self.err
        if self.out:
            assert self.answer == {"error": {"exit": self.code, "message": sentence}}
        return sentence


Run = Callable[..., Ended]


def answer_of(arguments: Sequence[str]) -> type[Answer]:
    """The model of what the command answers with --json, of which its schema in docs/schemas is made."""
    words = [
        arguments[0],
        *(word for word in arguments[1:3] if word in {"adopt-defaults", "forget", "import", *Audit}),
        *(word for word in arguments if word in {"--grid", "--index"}),
    ]
    return ANSWERS[" ".join(words)]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs `turbodmt` with the arguments; what a command sets for its whole process is put back afterwards."""
    environment, umask = dict(os.environ), os.umask(0o077)
    handlers = [(handler, handler.level, list(handler.filters)) for handler in logging.getLogger().handlers]

    def command(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["turbodmt", *(str(argument) for argument in arguments)])
        capsys.readouterr()
        try:
            main()
        except SystemExit as ended:
            out, err = capsys.readouterr()
            if "--json" in arguments and not ended.code:
                # Nothing more, nothing less, and every number as it was.
                assert answer_of([str(one) for one in arguments]).model_validate_json(out).to_json() == out.rstrip("\n")
            return Ended(code=int(ended.code or 0), out=out, err=err)
        raise AssertionError("main returned; it must leave with an exit code")

    yield command
    os.umask(umask)
    os.environ.clear()
    os.environ.update(environment)
    for handler, level, filters in handlers:
        handler.setLevel(level)
        handler.filters = filters


def write_bars(path: Path, *listings: Listing) -> pd.DataFrame:
    """The bars of the listings, which now are the csv file."""
    bars = pd.concat([record(listing) for listing in listings], ignore_index=True)
    bars = bars.rename(columns={"open_time": "date"})
    bars.to_csv(path, index=False)
    return bars
