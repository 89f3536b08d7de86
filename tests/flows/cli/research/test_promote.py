"""A promotion in words."""

from datetime import date

from flows.cli.research.promote import shown_promote
from tasks.operations.promote import PromoteAnswer


def test_a_promotion_says_who_trades_since_when_and_instead_of_whom() -> None:
    answer = PromoteAnswer(
        model_id="0123456789abcdef",
        symbols=("A", "B"),
        strategy="turbo",
        strategy_sha256=None,
        source="sample",
        as_of=date(2020, 1, 2),
        reason="calmer",
        replaced="prior",
        changed=True,
        warnings=(),
    )
    assert (
        shown_promote(answer)
        == "Model 0123456789ab trades A, B of sample from 2020-01-02 on, instead of the prior: calmer"
    )
    back = answer.model_copy(update={"model_id": "prior", "replaced": "f" * 64})
    assert shown_promote(back).endswith("from 2020-01-02 on, instead of model ffffffffffff: calmer")
