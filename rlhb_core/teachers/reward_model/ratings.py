"""Ratings as votes: of two answers to the same query the one that was rated higher wins. Knows no model."""

from rlhb_core.run.config import RunConfig
from rlhb_core.run.data import Split, enough, parted
from rlhb_core.run.votes import Voted, drawn_votes
from rlhb_core.teachers.reward_model.settings import RewardModelSettings


def ratings(config: RunConfig, split: Split) -> dict[str, tuple[list[Voted], list[Voted]]]:
    """By aspect, training and held-out: the pairs that each aspect of the reward model learns from."""
    found = {}
    for aspect in config.section(RewardModelSettings).aspects:
        rated = [each for each in split.chosen if aspect in each.behavior_features.ratings]
        values = [each.behavior_features.ratings[aspect] for each in rated]
        found[aspect] = parted(drawn_votes(rated, values, config.data.person_share), config.data)
    return found


def check_ratings(config: RunConfig, split: Split) -> None:
    """Raise NotEnoughData naming an aspect that lacks pairs."""
    for aspect, parts in ratings(config, split).items():
        wanted, kind = config.data.min_comparisons, f"pairs of answers rated on {aspect!r}"
        enough(sum(map(len, parts)), wanted, kind)
        for part in parts:
            enough(len(part), 1, f"{kind} on one side of the held-out split", "more queries")
