"""Models of the answer of a sweep: its points, its best one, and the account that picks among them year by year."""

from datetime import date

from pydantic import JsonValue

from strategy.evaluation.metrics import Metrics
from tasks.backtest.answer import BenchmarkAnswer
from tasks.run.answers import Answer


class PointAnswer(Answer):
    """A point of the grid: its symbols, its parameters (null where its strategy reads none), and its metrics.

    `parameters` are the strategy's own, by name. `capped_ratio` is the share of the days on which `max_position_size`,
    or the bound of 2 on the volatility multiplier, decided the exposure, not the strategy.
    """

    symbols: str
    strategy: str
    parameters: dict[str, JsonValue]
    target_annual_vol: float | None
    max_position_size: float | None
    neutral_zone: float | None
    lookback_period: int | None
    allocation: str | None
    volatility_estimator: str | None
    drawdown_start: float | None
    drawdown_full: float | None
    drawdown_floor: float | None
    rebalance_band: float | None
    rebalance_every: str | None
    fee_bps: float | None
    slippage_bps: float | None
    financing_rate: float | None
    borrow_spread: float | None
    cash_spread: float | None
    short_fee: float | None
    rates: str | None
    total_return: float | None
    cagr: float | None
    annual_vol: float | None
    sharpe: float | None
    sharpe_raw: float | None
    rate_mean: float | None
    sortino: float | None
    max_drawdown: float | None
    win_rate: float | None
    turnover_per_year: float | None
    capped_ratio: float


class BestPointAnswer(PointAnswer):
    """The best point, and the metrics of its exact account, with lots, rounding and limits.

    A strategy of the user's own has a version, and an audit of it with these parameters on these symbols.
    """

    exact: Metrics
    strategy_sha256: str | None = None
    audit: str | None = None


class FoldPickAnswer(Answer):
    """A year of the walk-forward account: the point picked on the past alone, its Sharpe ratio there and in the year.

    The point's sizing is null where its strategy reads none; `parameters` are the strategy's own, `audit` is as in the
    best point.
    """

    start: date
    end: date
    past_start: date
    past_end: date
    past_bars: int
    strategy: str
    parameters: dict[str, JsonValue]
    target_annual_vol: float | None
    max_position_size: float | None
    neutral_zone: float | None
    lookback_period: int | None
    allocation: str | None
    volatility_estimator: str | None
    drawdown_start: float | None
    drawdown_full: float | None
    drawdown_floor: float | None
    rebalance_band: float | None
    rebalance_every: str | None
    in_sample_sharpe: float
    out_of_sample_sharpe: float | None
    strategy_sha256: str | None = None
    audit: str | None = None


class WalkForwardAnswer(Answer):
    """The account that trades each year the point that was best on the past alone, beside what the picks had promised.

    `out_of_sample` is the exact account over all folds, net of all costs; `in_sample_sharpe` the mean of the picks',
    weighted with the days of their folds. `haircut` is the difference of the two Sharpe ratios, `haircut_ratio` it as a
    fraction of the one in sample; null where they are undefined. Between past and fold `purge_bars` dates are left out.
    `benchmarks` are on the dates of the folds.
    """

    out_of_sample: Metrics
    benchmarks: dict[str, BenchmarkAnswer]
    in_sample_sharpe: float
    haircut: float | None
    haircut_ratio: float | None
    purge_bars: int
    least_past_bars: int
    folds: tuple[FoldPickAnswer, ...]


class SearchAnswer(Answer):
    """A search: how many combinations the grid has, and the seed of the sampler that picked the points."""

    combinations: int
    seed: int


class SweepAnswer(Answer):
    """The answer of `turbodmt backtest --grid`: the points, and how much of the best one may be luck.

    `deflated_sharpe` is after all trials ever counted, `pbo` and `probability_of_loss` are of the choice on these days;
    null where too little varies to judge: a single point, or fewer days than the halves of PBO need. `benchmarks` trade
    the best point's symbols at its costs.
    """

    symbols: tuple[str, ...]
    start: date
    end: date
    bars: int
    points: int
    varied: tuple[str, ...]
    best: BestPointAnswer
    benchmarks: dict[str, BenchmarkAnswer]
    top: tuple[PointAnswer, ...]
    pbo: float | None
    probability_of_loss: float | None
    deflated_sharpe: float | None
    luckiest_sharpe: float
    trials: int
    data_sha256: str
    code_version: str
    config: dict[str, JsonValue]
    table: str | None
    files: tuple[str, ...]
    warnings: tuple[str, ...]
    seconds: float | None = None
    walk_forward: WalkForwardAnswer | None = None
    search: SearchAnswer | None = None
