"""JSON schemas of what every command prints with `--json`, generated from the models of the answers.

Write them with `python -m flows.cli.answer_schemas docs/schemas`.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from pydantic.json_schema import GenerateJsonSchema

from flows.doctor.checks import DoctorAnswer
from tasks.audit.claims import HeadlineAnswer
from tasks.audit.twin_fidelity import TwinAnswer
from tasks.audit.window import ChecksAnswer
from tasks.backfill.answer_model import BackfillAnswer
from tasks.backtest.answer import BacktestAnswer
from tasks.backtest.sweep_answer_model import SweepAnswer
from tasks.broker.takeover_plan import AdoptAnswer
from tasks.comparison.answer import CompareAnswer
from tasks.data.quality import QualityAnswer
from tasks.data.stored_bars import BarsAnswer
from tasks.data.universe import UniverseAnswer
from tasks.digest.sending import DigestAnswer
from tasks.explain.order_record_answer import ExplainAnswer
from tasks.models.retrain import TrainAnswer
from tasks.models.trial_list import TrialsAnswer
from tasks.operations.accounts import AccountsAnswer, ForgottenAccountAnswer, ForgottenBarsAnswer
from tasks.operations.adopt_defaults import AdoptedDefaultsAnswer
from tasks.operations.cash_flows import CancelledFlowsAnswer, CashFlowsAnswer
from tasks.operations.concerns import WatchAnswer
from tasks.operations.day_pages import ReportAnswer
from tasks.operations.delist import DelistAnswer
from tasks.operations.halt import HaltAnswer
from tasks.operations.import_bars import ImportAnswer
from tasks.operations.promote import ModelsAnswer, PromoteAnswer
from tasks.operations.status import StatusAnswer
from tasks.overview.writing import IndexAnswer
from tasks.run.answers import Answer, DayAnswer
from tasks.strategies.acceptance import AcceptedAnswer
from tasks.strategies.listing import StrategiesAnswer
from tasks.strategies.template import NewStrategyAnswer

#: The answer of each command, by its words.
ANSWERS: Mapping[str, type[Answer]] = {
    "accounts": AccountsAnswer,
    "accounts adopt-defaults": AdoptedDefaultsAnswer,
    "accounts forget": ForgottenAccountAnswer,
    "adopt": AdoptAnswer,
    "audit headline": HeadlineAnswer,
    "audit lookahead": ChecksAnswer,
    "audit parity": ChecksAnswer,
    "backfill": BackfillAnswer,
    "backtest": BacktestAnswer,
    "backtest --grid": SweepAnswer,
    "bars": BarsAnswer,
    "bars forget": ForgottenBarsAnswer,
    "cancel": CancelledFlowsAnswer,
    "compare": CompareAnswer,
    "daily": DayAnswer,
    "delist": DelistAnswer,
    "deposit": CashFlowsAnswer,
    "digest": DigestAnswer,
    "doctor": DoctorAnswer,
    "explain": ExplainAnswer,
    "halt": HaltAnswer,
    "import": ImportAnswer,
    "models": ModelsAnswer,
    "positions import": CashFlowsAnswer,
    "promote": PromoteAnswer,
    "quality": QualityAnswer,
    "report": ReportAnswer,
    "report --index": IndexAnswer,
    "resume": HaltAnswer,
    "status": StatusAnswer,
    "strategies": StrategiesAnswer,
    "strategies accept": AcceptedAnswer,
    "strategies new": NewStrategyAnswer,
    "train": TrainAnswer,
    "trials": TrialsAnswer,
    "twin": TwinAnswer,
    "universe": UniverseAnswer,
    "watch": WatchAnswer,
    "withdraw": CashFlowsAnswer,
}


class Untitled(GenerateJsonSchema):
    """A schema without a title for each key, which would say the key again."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 (the signature is pydantic's)
        """Return that no title is wanted."""
        return False


def file_name(command: str) -> str:
    """Return the name of the file that holds a command's schema.

    >>> file_name("backtest --grid")
    'backtest-grid.json'
    """
    return f"{command.replace(' --', '-').replace(' ', '-')}.json"


def schema(command: str) -> str:
    """Return the JSON schema of what the command prints with --json."""
    answer = ANSWERS[command]
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"turbodmt {command} --json"}
    found = answer.model_json_schema(mode="serialization", schema_generator=Untitled)
    return json.dumps({**dialect, **found}, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for name in ANSWERS:
        (folder / file_name(name)).write_text(schema(name), encoding="utf-8")
