"""Records of models and their promotions, as the registry of models has them."""

from dataclasses import replace
from datetime import UTC, date, datetime

from storage.models.panels import Panel
from storage.models.promotions import Promoter, Promotion
from storage.models.registry import ModelRecord

AT = datetime(2020, 1, 7, tzinfo=UTC)
RECORD = ModelRecord(
    model_id="m1",
    source="sample",
    symbols=("^GSPC", "^IXIC"),
    strategy="turbo",
    trained_from=date(2000, 1, 3),
    trained_to=date(2010, 1, 4),
    created_at=AT,
    seed=7,
    config='{"layers": 5}',
    code_version="0.1.0",
    data_sha256="ab",
    validation='{"sharpe": 0.5}',
)
NEWER = replace(RECORD, model_id="m2", trained_to=date(2012, 1, 3))


def panel(source: str, symbols: tuple[str, ...]) -> Panel:
    return Panel(source=source, symbols=symbols, strategy="turbo")


def promotion_of(record: ModelRecord) -> Promotion:
    """Return what the gate does on the day that the model was trained."""
    return Promotion(
        source=record.source,
        symbols=record.symbols,
        strategy=record.strategy,
        strategy_sha256=record.strategy_sha256,
        model_id=record.model_id,
        as_of=record.trained_to,
        by=Promoter.GATE,
        reason="no worse",
        at=AT,
    )
