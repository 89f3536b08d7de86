"""Trains the default network on the sample and prints the seconds: `.venv/bin/python benchmarks/train_default.py`."""

import argparse
import time

import numpy as np
from arch.data import nasdaq, sp500

from strategy.bars import Bars
from strategy.execution import Costs
from strategy.instruments import Calendar, Instrument
from strategy.network import NetworkForecaster, NetworkShape, from_arrays
from strategy.sizing import SizingParams
from strategy.training import TrainingSettings, train
from strategy.training_set import TrainingSeries, TrainingSet, learnable_series

SAMPLE = {"^GSPC": sp500, "^IXIC": nasdaq}


def sample_series(symbol: str, params: SizingParams) -> tuple[Bars, TrainingSeries]:
    """Bars of one symbol of the sample and the rows that training makes of them."""
    frame = SAMPLE[symbol].load()
    columns = {name.lower(): frame[name].to_numpy(dtype=np.float64) for name in ("Open", "High", "Low", "Close")}
    bars = Bars(
        symbol=symbol,
        open_time=frame.index.to_numpy().astype("datetime64[us]"),
        volume=frame["Volume"].to_numpy(dtype=np.float64),
        factor=np.ones(len(frame)),
        **columns,
    )
    series = learnable_series(bars, Instrument(symbol=symbol, calendar=Calendar.XNYS), Costs(), params)
    return bars, series


def main() -> None:
    """Prints sizes, seconds and the validation figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=TrainingSettings().steps)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    params, shape = SizingParams(), NetworkShape()
    settings = TrainingSettings(
        steps=options.steps, seed=options.seed, warmup_steps=min(options.steps, TrainingSettings().warmup_steps)
    )
    started = time.perf_counter()
    prepared = [sample_series(symbol, params) for symbol in SAMPLE]
    training_set = TrainingSet(series=tuple(series for _, series in prepared), params=params)
    read = time.perf_counter()
    trained = train(shape, training_set, settings)
    done = time.perf_counter()
    forecaster = NetworkForecaster(network=from_arrays(shape, trained.arrays))
    rows = 100
    forecaster.forecast(prepared[0][0].close, rows)
    forecast = time.perf_counter()
    print(f"bars                      {[len(bars) for bars, _ in prepared]}")
    print(f"training windows          {trained.training_windows}")
    print(f"validation bars           {trained.validation_bars}")
    print(f"preparation               {read - started:.2f} s")
    print(f"training                  {done - read:.1f} s for {settings.steps} steps, {settings.threads} threads")
    print(f"one signal                {(forecast - done) / rows * 1000:.1f} ms")
    print(f"loss, first and last ten  {np.mean(trained.losses[:10]):.3f} {np.mean(trained.losses[-10:]):.3f}")
    print(f"validation Sharpe, net    {trained.validation_sharpe:.3f} at step {trained.best_step}")
    print(f"  of the prior            {trained.prior_validation_sharpe:.3f}")


if __name__ == "__main__":
    main()
