"""Recipe of a training: the settings of a run that its learner reads."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """The training of models, the shape of networks, and how long a model may trade (bars are account days).

    Every learner reads `validation_share`, `seed`, `retrain_every_bars`, `first_retry_bars` and `model_max_age_bars`;
    the others are the network's. A model that is younger than `cold_start_every_bars`, counted from its cold start, is
    trained further for `warm_steps`. `twins` is the number of synthetic panels that a training draws from, 0 for none.
    """

    dimensions: int
    heads: int
    layers: int
    context_bars: int
    members: int
    steps: int
    warm_steps: int
    validation_share: float
    twins: int
    seed: int
    threads: int
    device: str
    retrain_every_bars: int
    first_retry_bars: int
    cold_start_every_bars: int
    model_max_age_bars: int

    @property
    def without_champion_bars(self) -> int:
        """Return the account days after which a training is repeated that left the prior in charge.

        What the gate refused is unlikely to pass on a few days more, and every further attempt is a chance to be lucky.
        """
        return max(self.retrain_every_bars, self.first_retry_bars)
