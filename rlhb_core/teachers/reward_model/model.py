"""The reward model of RLHF: heads on features of responses, and the one score made of them; as a file, too.

Does not know how it learns (`stage.py`), nor whose features they are.
"""

import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from rlhb_core.lm.scorers import RewardHead
from rlhb_core.teachers.reward_model.settings import RewardModelSettings

VARIANCE_WEIGHT = 0.5
"""Weight of the heads' variance in a variance-penalised score, the middle of those tried in arXiv 2310.02743."""

FILE = "reward_model.safetensors"
"""In the folder of a version: what supplied the reward that it was trained on."""


def combined(scores: Tensor, how: str) -> Tensor:
    """One score of several heads (arXiv 2310.02743): mean, lowest, or mean minus weighted variance. [M, N] -> [N]."""
    if how == "lowest":
        return scores.amin(0)
    if how == "variance_penalised":
        return scores.mean(0) - VARIANCE_WEIGHT * scores.var(0, correction=0)
    return scores.mean(0)


class RewardModel(torch.nn.Module):
    """One or several heads of different seeds, their scores made one and standardised over logged responses."""

    def __init__(self, features: int, settings: RewardModelSettings) -> None:
        super().__init__()
        self.features = features
        self.settings = settings.model_dump_json()
        self._how = settings.score
        self.members = torch.nn.ModuleList(
            RewardHead(features, len(settings.aspects)) for _ in range(settings.members)
        )
        self.register_buffer("weights", torch.tensor([1.0, *settings.aspects.values()]))
        self.register_buffer("centres", torch.zeros(settings.members, 1))
        self.register_buffer("centre", torch.zeros(()))
        self.register_buffer("spread", torch.ones(()))
        self.weights: Tensor  # of the score by votes and of each aspect
        self.centres: Tensor  # mean score of each head: votes fix only differences within a query
        self.centre: Tensor
        self.spread: Tensor

    def aspects(self, features: Tensor) -> Tensor:
        """[N, F] -> mean scores [N, 1 + aspects] over the heads."""
        return torch.stack([member(features) for member in self.members]).mean(0)

    def raw(self, features: Tensor) -> Tensor:
        """[N, F] -> [N], in logits of a vote."""
        scores = torch.stack([member(features) @ self.weights for member in self.members])
        return combined(scores - self.centres, self._how)

    def forward(self, features: Tensor) -> Tensor:
        """[N, F] -> [N]: mean 0 and spread 1 over the logged responses."""
        return (self.raw(features) - self.centre) / self.spread

    @torch.no_grad()
    def fit(self, logged: Tensor) -> None:
        """Take centres and spread from the features of the logged responses, [N, F]."""
        scores = torch.stack([member(logged) @ self.weights for member in self.members])
        self.centres.copy_(scores.mean(1, keepdim=True))
        raw = self.raw(logged)
        self.centre.copy_(raw.mean())
        self.spread.copy_(raw.std().clamp(min=1e-3))


def save(model: RewardModel, folder: Path) -> None:
    """Write the model into a folder, with what is needed to make it again."""
    weights = {name: value.contiguous().cpu() for name, value in model.state_dict().items()}
    save_file(weights, folder / FILE, {"features": str(model.features), "settings": model.settings})
    (folder / FILE).chmod(0o644)


def load(folder: Path) -> RewardModel:
    """The model that `save` wrote there, ready to score."""
    with safe_open(folder / FILE, "pt") as file:
        told = file.metadata()
        settings = RewardModelSettings.model_validate(json.loads(told["settings"]))
        model = RewardModel(int(told["features"]), settings)
        model.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    return model.eval()
