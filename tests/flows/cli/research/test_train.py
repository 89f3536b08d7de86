"""A training in words."""

from dataclasses import asdict
from datetime import date

from flows.cli.research.train import shown_train
from strategy.training.promotion_gate import Figures
from tasks.models.retrain import TrainAnswer, ValidationAnswer, VerdictAnswer


def test_a_training_without_a_defined_sharpe_says_so() -> None:
    figures = Figures(trials=1, days=5, margin=None)
    answer = TrainAnswer(
        as_of=date(2020, 1, 2),
        model_id="ab",
        strategy="turbo",
        strategy_sha256=None,
        source="sample",
        symbols=("A",),
        trained_from=date(2000, 1, 3),
        trained_to=date(2020, 1, 2),
        validation=ValidationAnswer(validation_bars=5, network_sharpe=None, prior_sharpe=0.123),
        promoted=False,
        rival="prior",
        verdict=VerdictAnswer(**asdict(figures), reason="5 days are too few"),
        data_sha256="cd",
        code_version="test",
        seed=7,
    )
    text = shown_train(answer)
    assert "Net Sharpe on 5 dates that it neither learned from nor stopped at: undefined, the prior 0.12" in text
    assert text.endswith("Refused: 5 days are too few")
