"""The PPO loop of RLHF, RLHBC, RLHB and their combinations, which differ only in where the reward comes from.

One iteration, numbered as in the method's description: 1 draw queries and behaviours, 2 roll out, 3 score,
4 rewards and advantages, 5 update policy and critic, 6 let the source of rewards learn, 7 report.
Does not know reward models or discriminators (`reward_source.py`).
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rlhb_core.errors import RunError
from rlhb_core.learning.average import Average
from rlhb_core.learning.clock import Clock
from rlhb_core.learning.critic import SO_FAR, ValueHead, critic_inputs
from rlhb_core.learning.diagnostics import distinct, length_drift
from rlhb_core.learning.likelihood import Likelihood
from rlhb_core.learning.losses import policy_loss, summed_entropy
from rlhb_core.learning.optimiser import adamw
from rlhb_core.learning.reward_source import RewardSource, Scores
from rlhb_core.learning.rewards import (
    centre_groups,
    explained_variance,
    gae,
    log_ratio,
    masked_mean,
    penalise_truncated,
    token_rewards,
    whiten,
)
from rlhb_core.learning.rollout import Rollouts, lengths, measure, token_batch
from rlhb_core.learning.samples import logged_lengths
from rlhb_core.learning.session import POLICY, START, Metrics, Session
from rlhb_core.lm.generator import Measured, by_length, score
from rlhb_core.run.data import Pair

REMEMBERED = ("response/distinct", "response/length_drift", "objective/scores", "objective/kl")
"""What every verdict needs of every iteration."""
GAMMA = 1.0
"""Discount per token: the score is for the whole answer, and a word is worth no less for standing early."""
GAE_LAMBDA = 0.95
"""Lambda of generalised advantage estimation (arXiv 1506.02438), as in every well-known PPO on language models."""
GRADIENT_CLIP = 1.0
"""Largest gradient norm, of policy and value head."""
FINAL_LEARNING_RATE = 0.2
"""Fraction of the policy's learning rate that is left at the end: it settles, and still learns."""


class Experience(NamedTuple):
    """Rollouts with everything that an update needs; [B, R] unless said otherwise."""

    rollouts: Rollouts
    old: Measured
    advantages: Tensor
    returns: Tensor
    values: Tensor
    drift: float
    """How far the policy's log-probabilities lie from the start's, per token of the answer where that is most."""


class PpoStage:
    """Iterations of PPO on the policy adapter, with the start adapter as reference."""

    def __init__(
        self,
        session: Session,
        name: str,
        source: RewardSource,
        pairs: Sequence[Pair],
        weights: Sequence[float],
    ) -> None:
        self.name = name
        self._session = session
        self._trunk = session.trunk
        self._settings = session.config.ppo
        self._sampling = session.config.sampling
        self._source = source
        self._pairs = pairs
        self._weights = torch.tensor(weights)
        self.total = self._settings.iterations
        self._kl_weight = self._settings.kl
        self._likelihood = Likelihood(session, self._settings.micro_batch)
        self._logged_lengths = logged_lengths(session)
        self._trunk.copy_adapter(POLICY, START)
        width = self._trunk.model.config.get_text_config().hidden_size
        self._critic = ValueHead(width + SO_FAR).to(self._trunk.device)
        session.heads["critic"] = self._critic
        self._policy_parameters = self._trunk.parameters_of(POLICY)
        reach = max(1.0, self._settings.average * self.total)
        self._average = Average(self._policy_parameters, decay=1 - 1 / reach)
        self._policy_optimiser = adamw(
            self._policy_parameters, self._settings.learning_rate, betas=(0.9, 0.99)
        )
        self._critic_optimiser = adamw(
            self._critic.parameters(), self._settings.critic_learning_rate
        )

    def step(self, number: int) -> Metrics:
        """One iteration."""
        clock = Clock()
        pairs = self._draw()  # 1
        with self.as_served():
            watched = self._session.answers(POLICY, self._source.watched())
        with self._trunk.using(POLICY):
            rollouts = self._roll_out(pairs)  # 2
            clock.lap("timing/rollout")
            scores = self._source.score(rollouts)  # 3
            experience, found = self._experience(rollouts, scores)  # 4
            if number == 1:
                self._check_first("KL to the start", experience.drift, 0, "nats per token")
            clock.lap("timing/score")
            found |= self._update(experience, number)  # 5
            self._average.take()
            if number == self.total:
                self._average.put()
            clock.lap("timing/update")
        found |= self._source.learn(rollouts, watched)  # 6
        clock.lap("timing/disc")
        self._remember(found)
        self._guard(found["objective/kl"])
        return found | clock.laps()  # 7

    def as_served(self) -> AbstractContextManager[None]:
        """Within this block the policy has the weights that it would be served with if the run ended now."""
        return self._average.in_place()

    # --- 1, 2 -------------------------------------------------------------------------------------

    def _draw(self) -> list[Pair]:
        count = self._settings.rollouts // self._settings.per_query
        repeat = count > len(self._pairs)
        chosen = torch.multinomial(self._weights, count, replacement=repeat)
        return [self._pairs[i] for i in chosen.tolist() for _ in range(self._settings.per_query)]

    def _roll_out(self, pairs: list[Pair]) -> Rollouts:
        # in half precision one token at a time and all at once differ too much for the ratio of new and old
        # probabilities
        keep = self._trunk.dtype is torch.float32
        return self._session.answers(POLICY, pairs, keep)

    # --- 4 ----------------------------------------------------------------------------------------

    def _experience(self, rollouts: Rollouts, scores: Scores) -> tuple[Experience, Metrics]:
        settings, batch = self._settings, self._session.config.sampling.batch // 4
        old = rollouts.measured
        if old is None:
            old = measure(self._trunk, rollouts, self._sampling.temperature, max(8, batch))
        with self._trunk.using(START):
            reference = measure(
                self._trunk, rollouts, self._sampling.temperature, max(8, batch), full=False
            ).logprobs
        ended = rollouts.ended.to(scores.reward.device)
        reward = penalise_truncated(scores.reward, ended, settings.truncated_penalty)
        reward = centre_groups(reward, settings.per_query)
        per_token = token_rewards(reward, old.logprobs, reference, old.mask, self._kl_weight)
        with torch.no_grad():
            values = self._critic(critic_inputs(old)) * old.mask
        advantages, returns = gae(per_token, values, old.mask, GAMMA, GAE_LAMBDA)
        moved = log_ratio(old.logprobs, reference) * old.mask
        kl = moved.sum(1).mean()
        drift = float((moved.abs().sum(1) / old.mask.sum(1).clamp(min=1)).max())
        found = {
            "objective/scores": float(scores.raw.mean()),
            "objective/reward": float(reward.mean()),
            "objective/rlhf_reward": float(per_token.sum(1).mean()),
            "objective/returns": float(masked_mean(returns, old.mask)),
            "objective/kl": float(kl),
            "objective/kl_coef": self._kl_weight,
            "objective/entropy": float(masked_mean(old.entropy, old.mask)),
            "critic/vf_explained_var": explained_variance(values, returns, old.mask),
            "val/num_eos_tokens": float(ended.sum()),
            "response/length": float(old.mask.sum(1).mean()),
            "response/clip_ratio": float((~ended).float().mean()),
            "response/distinct": len(set(rollouts.texts)) / len(rollouts.texts),
            "response/distinct_1": distinct(rollouts.responses, 1),
            "response/distinct_2": distinct(rollouts.responses, 2),
            "response/length_drift": length_drift(rollouts.responses, self._logged_lengths),
        }
        whitened = whiten(advantages, old.mask)
        return Experience(rollouts, old, whitened, returns, values, drift), found

    # --- 5 ----------------------------------------------------------------------------------------

    def _update(self, experience: Experience, number: int) -> Metrics:
        settings = self._settings
        found = {"loss/value_avg": self._update_critic(experience)}
        if number <= settings.critic_warmup:
            return found
        rate = self._learning_rate(number)
        for group in self._policy_optimiser.param_groups:
            group["lr"] = rate
        sums: list[Tensor] = []
        norms: list[float] = []
        likelihoods: list[float] = []
        for _ in range(settings.epochs):
            order = torch.randperm(len(experience.rollouts.pairs))
            for start in range(0, len(order), settings.minibatch):
                rows = order[start : start + settings.minibatch].tolist()
                sums.append(self._update_policy(experience, rows))
                if settings.likelihood:
                    logged = self._likelihood.draw(settings.likelihood_batch)
                    likelihoods.append(self._likelihood.learn(logged, settings.likelihood))
                norms.append(
                    float(torch.nn.utils.clip_grad_norm_(self._policy_parameters, GRADIENT_CLIP))
                )
                if number == settings.critic_warmup + 1 and len(norms) == 1:
                    self._check_first("probability ratio", float(sums[0][3] / sums[0][4]), 1)
                self._policy_optimiser.step()
        loss, clipped, kl, ratio, tokens = torch.stack(sums).sum(0).tolist()
        if likelihoods:
            found["loss/likelihood"] = sum(likelihoods) / len(likelihoods)
        return found | {
            "loss/policy_avg": loss / tokens,
            "policy/clipfrac_avg": clipped / tokens,
            "policy/approxkl_avg": kl / tokens,
            "val/ratio": ratio / tokens,
            "policy/grad_norm": sum(norms) / len(norms),
            "policy/learning_rate": rate,
        }

    def _update_policy(self, experience: Experience, rows: list[int]) -> Tensor:
        """Gradients of one minibatch, added up over micro-batches. Sums of loss, clipped, kl, ratio, tokens: [5]."""
        old, settings = experience.old, self._settings
        total = old.mask[rows].sum()
        self._policy_optimiser.zero_grad()
        sums = torch.zeros(5, device=total.device)
        long = lengths(experience.rollouts)
        for chunk in by_length([long[row] for row in rows], settings.micro_batch):
            chosen = [rows[index] for index in chunk]
            tokens = token_batch(self._trunk, experience.rollouts, chosen)
            scored = score(self._trunk, tokens, self._sampling.temperature)
            real, kept = tokens.response_mask.bool(), old.mask[chosen].bool()
            found = policy_loss(
                scored.logprobs[real],  # [real tokens], as the others: row by row, from the left
                old.logprobs[chosen][kept],
                experience.advantages[chosen][kept],
                old.mask[chosen][kept],
                settings.clip,
            )
            loss = found.loss
            if settings.entropy:
                loss = loss - settings.entropy * summed_entropy(scored.logits, tokens.response_mask)
            (loss / total).backward()  # type: ignore[no-untyped-call]
            sums += torch.stack(
                [
                    found.loss.detach(),
                    found.clipped,
                    found.kl,
                    found.ratio,
                    tokens.response_mask.sum(),
                ]
            )
        return sums

    def _update_critic(self, experience: Experience) -> float:
        """Least squares on hidden states taken before the update: the trunk need not run again."""
        losses = []
        inputs = critic_inputs(experience.old)
        for _ in range(self._settings.critic_epochs):
            order = torch.randperm(len(experience.rollouts.pairs))
            for start in range(0, len(order), self._settings.minibatch):
                rows = order[start : start + self._settings.minibatch]
                mask = experience.old.mask[rows]
                error = self._critic(inputs[rows]) - experience.returns[rows]
                loss = 0.5 * masked_mean(error**2, mask)
                self._critic_optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(self._critic.parameters(), GRADIENT_CLIP)
                self._critic_optimiser.step()
                losses.append(loss.item())
        return sum(losses) / len(losses)

    def _learning_rate(self, number: int) -> float:
        """Linear from the peak down to its final fraction, after a rise:
        fresh moments of Adam would kick the policy.
        """
        first, last = (
            self._settings.critic_warmup + 1,
            max(self.total, self._settings.critic_warmup + 2),
        )
        done = (number - first) / (last - first)
        fraction = 1 - (1 - FINAL_LEARNING_RATE) * min(1.0, done)
        rise = min(1.0, (number - first + 1) / self._settings.rise)
        return self._settings.learning_rate * fraction * rise

    def _check_first(self, what: str, found: float, wanted: float, unit: str = "") -> None:
        """Before the first update nothing has changed: else masks, positions or dropout are wrong.

        Both figures are per token, so that rounding does not add up over long answers.
        """
        tolerance = 1e-3 if self._trunk.dtype is torch.float32 else 0.1
        if not abs(found - wanted) <= tolerance:
            raise RunError(
                f"the {what} before the first update is {found:.4f}{f' {unit}' if unit else ''} where it must be "
                f"{wanted:g}: "
                "this model answers differently in training and in scoring (dropout, or padding it cannot take)"
            )

    def _remember(self, found: Metrics) -> None:
        """What the verdict needs of every iteration, kept with the evidence."""
        names = (*self._source.remembered, *REMEMBERED)
        row = {name.split("/")[1]: found[name] for name in names if name in found}
        self._session.evidence.history.append(row)

    def _guard(self, kl: float) -> None:
        settings = self._settings
        if not abs(kl) <= settings.kl_stop:  # also true for NaN
            self._session.evidence.diverged = (
                f"the mean KL per response reached {kl:.1f} nats, more than the bound "
                f"of {settings.kl_stop:g}"
            )
        if settings.kl_target:
            error = max(-0.2, min(0.2, kl / settings.kl_target - 1))
            self._kl_weight *= 1 + 0.1 * error

    # --- state ------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Optimisers, KL weight, and the source's state."""
        return {
            "policy_optimiser": self._policy_optimiser.state_dict(),
            "critic_optimiser": self._critic_optimiser.state_dict(),
            "average": self._average.state(),
            "kl_weight": self._kl_weight,
            "source": self._source.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state."""
        self._policy_optimiser.load_state_dict(state["policy_optimiser"])
        self._critic_optimiser.load_state_dict(state["critic_optimiser"])
        self._average.restore(state["average"])
        self._kl_weight = state["kl_weight"]
        self._source.restore(state["source"])
