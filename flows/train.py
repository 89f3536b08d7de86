"""The training flow: a model on demand, through the same gate and tasks as the daily run."""

import json
from datetime import date
from pathlib import Path

from prefect import flow

from flows.plan import Request, clock, plan
from flows.settings import load
from flows.wiring import open_source, source_factory
from tasks.ingest import ingest
from tasks.train import train_now
from tasks.validate import validate


@flow(name="train", flow_run_name="train-{as_of}")
def train(
    as_of: date | None = None, source: str | None = None, symbols: list[str] | None = None, home: Path | None = None
) -> str:
    """A champion trained on the past of `as_of`: the JSON text that `turbodmt train --json` prints."""
    settings = load({"source": source, "symbols": symbols, "home": home, "strategy": "turbo"})
    job = plan(settings, open_source(settings), Request(account="train", as_of=as_of, clock=clock()))
    ingest(job, source_factory(settings))
    gate = validate(job)
    answer = train_now(job)
    return json.dumps({**answer, "warnings": [*gate.held_back.values(), *gate.warnings]})
