"""What the figures of a run show: which metrics, in which words, in which order. Each teacher adds its own.
Draws nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

LENGTH_DRIFT = 2.0
"""Mean length of the answers away from the logged ones', in their spread, that is far beyond."""


@dataclass(frozen=True)
class Plot:
    """What one figure shows. `curves`: metric name -> label in the legend; the first ones get the accent."""

    name: str
    title: str
    curves: Mapping[str, str]
    sentence: str = ""
    """Empty: the sentence of the first metric."""
    chance: float | None = None
    """A line to read against, such as 0.5 for a judge that guesses."""
    band: float | None = None
    """Half-width of a band round `chance`."""
    span: tuple[float, float] | None = None
    """Fixed range of y, for quantities with natural ends."""
    wide: bool = False
    """The first thing to look at."""
    stop: bool = False
    """Show where the run would be stopped."""
    axis: str = ""
    """What y measures; empty: the unit of the first metric."""
    rank: int = 1000
    """Its place on the page: low ones come first."""
    least: float = 0.0
    """Values that never leave so narrow a band round 0 are rounding, and the figure is left out."""


_PLOTS: dict[str, Plot] = {}


def add_plots(*plots: Plot) -> None:
    """Show these too."""
    _PLOTS.update((plot.name, plot) for plot in plots)


def all_plots() -> list[Plot]:
    """Every figure, in the order of the page. Those whose metrics a run has not logged are left out there."""
    return sorted(_PLOTS.values(), key=lambda plot: plot.rank)


add_plots(
    Plot(
        "reward",
        "Reward",
        {"objective/rlhf_reward": "with KL penalty", "objective/reward": "without"},
        axis="reward",
        rank=20,
    ),
    Plot("kl", "KL to start", {"objective/kl": "KL"}, stop=True, rank=30),
    Plot("returns", "Mean return", {"objective/returns": "return"}, axis="return", rank=70),
    Plot("scores", "Score", {"objective/scores": "score"}, axis="score", rank=80),
    Plot("entropy", "Entropy", {"objective/entropy": "entropy"}, rank=90),
    Plot("response-length", "Response length", {"response/length": "length"}, rank=100),
    Plot(
        "length-drift",
        "Length drift",
        {"response/length_drift": "drift"},
        chance=0.0,
        band=LENGTH_DRIFT,
        rank=110,
    ),
    Plot(
        "diversity",
        "Diversity",
        {"response/distinct_2": "pairs of tokens", "response/distinct_1": "tokens"},
        "Different pairs of neighbouring tokens, and different tokens, over all of the rollouts. Falling means "
        "that the answers repeat each other.",
        axis="share that is different",
        rank=120,
    ),
    Plot(
        "policy-loss",
        "Generator loss",
        {"loss/policy_avg": "loss"},
        "Mean PPO loss. Advantages have mean 0, so that it only shows how far the later passes of an iteration go.",
        axis="PPO loss",
        least=1e-4,
        rank=200,
    ),
    Plot(
        "policy-update",
        "Generator update",
        {"policy/approxkl_avg": "KL of one iteration"},
        "How far one iteration moves the generator, in mean KL per token. The PPO loss itself is 0 by "
        "construction at the first pass, and drawn only where it says more than rounding.",
        axis="nats per token",
        least=1e-9,  # one minibatch in one pass: taken before the only step, it is 0 throughout
        rank=210,
    ),
    Plot("value-loss", "Critic loss", {"loss/value_avg": "loss"}, axis="squared error", rank=220),
    Plot(
        "explained-variance",
        "Critic",
        {"critic/vf_explained_var": "explained variance"},
        axis="share explained",
        rank=230,
    ),
)
