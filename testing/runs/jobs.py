"""Jobs with a network that trains in a blink, and the day's steps without Prefect around them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from exchange.brokers.paper import PaperBroker
from exchange.ports import BarSource
from exchange.sessions.closing_times import closed_by
from storage.database import connect
from storage.models import promotions
from storage.models import registry as model_store
from storage.models.promotions import Promoter, Promotion
from strategy.account.fees_and_slippage import Costs
from strategy.builtin.registry import RULES
from strategy.market.instruments import Calendar
from strategy.portfolio.risk_limits import RiskLimits
from strategy.portfolio.sizing import SizingParams
from strategy.signals.strategies import Strategy
from strategy.training.recipe import TrainingConfig
from tasks.daily.flattening import with_held_beside
from tasks.daily.order import trade
from tasks.daily.replay_check import reconcile
from tasks.daily.settle import settle
from tasks.daily.signals import signal
from tasks.data.funding_rates import with_series
from tasks.data.ingest import ingest
from tasks.models.retrain import Champion, retrain
from tasks.run.job import Job, RunConfig
from tasks.run.kept_terms import LEGACY, canonical
from tasks.run.runs import symbols_asked
from tasks.validation.gate import Gate, validate

#: Tiny, yet a network: four steps train it.
RECIPE = TrainingConfig(
    dimensions=8,
    heads=2,
    layers=1,
    context_bars=20,
    members=2,
    steps=4,
    warm_steps=2,
    validation_share=0.45,
    twins=1,
    seed=7,
    threads=1,
    device="cpu",
    retrain_every_bars=1_000,
    first_retry_bars=1,
    cold_start_every_bars=4_000,
    model_max_age_bars=2_000,
)
#: No history is long enough to train it, so the prior trades.
UNTRAINABLE = replace(RECIPE, context_bars=100_000)
#: Short enough for a drawdown to leave the look-back within the days of a test.
SIZING = SizingParams(lookback_period=20)


def policy(strategy: Strategy, recipe: TrainingConfig = RECIPE) -> RunConfig:
    return RunConfig(
        strategy=strategy,
        sizing=SIZING,
        limits=RiskLimits(),
        costs=Costs(),
        recipe=recipe,
        capital=Decimal(10_000),
        config="{}",
    )


def a_job(home: Path, symbols: tuple[str, ...], as_of: date, strategy: Strategy = RULES) -> Job:
    """A replay of the day on the fake source; now is the midnight after it."""
    return Job(
        home=home,
        run_id=f"run-{as_of}",
        account="daily",
        source="fake",
        symbols=tuple(sorted(symbols)),
        as_of=as_of,
        now=closed_by(Calendar.ALWAYS, as_of),
        sends_until=None,
        code_version="test",
        policy=policy(strategy),
        terms=canonical(LEGACY),
    )


def promote(job: Job, model_id: str, as_of: date | None = None) -> None:
    """A person puts the model in charge: networks that train in a blink never pass the gate."""
    promotion = Promotion(
        source=job.source,
        symbols=job.symbols,
        strategy=job.policy.strategy.name,
        strategy_sha256=job.policy.strategy.version or None,
        model_id=model_id,
        as_of=as_of or job.as_of,
        by=Promoter.HAND,
        reason="the test wants it",
        at=job.now,
    )
    with connect(job.home) as store:
        promotions.promote(store, promotion)


def retrain_and_promote(job: Job) -> Champion:
    """The champion of the day, where every challenger is put in charge by hand."""
    retrain(job)
    with connect(job.home) as store:
        of_today = [
            record.model_id
            for record in model_store.records(store)
            if (record.panel, record.trained_to) == (job.panel, job.as_of)
        ]
    for model_id in of_today:
        promote(job, model_id)
    return retrain(job)


def on(job: Job, as_of: date) -> Job:
    """The same job on another day."""
    return replace(job, as_of=as_of, now=closed_by(Calendar.ALWAYS, as_of), run_id=f"run-{as_of}")


def live(job: Job, late: timedelta) -> Job:
    """The job as a live run that comes so long after the time for orders is over (negative: before)."""
    closed = closed_by(Calendar.ALWAYS, job.as_of)
    until = closed + timedelta(hours=12)
    return replace(job, now=until + late, sends_until=until)


def run_day(job: Job, open_source: Callable[[], BarSource]) -> tuple[Gate, Champion]:
    """The gate's verdict and the champion, after every step from ingest to reconcile in the order of the flow."""
    job = with_held_beside(job)
    symbols = symbols_asked(job)
    if symbols:
        ingest(replace(job, symbols=symbols).in_data, open_source)
    gate = validate(job.in_data)
    job = with_series(job)
    settled = settle(job, PaperBroker, gate.barred)
    champion = retrain(job)
    signal(job, champion, gate.barred, settled.agreement.barred)
    trade(job, PaperBroker)
    reconcile(job)
    return gate, champion
