"""The sections of a run's settings that every run has, every setting with its sentence.
Those of a teacher stand with it.
"""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from rlhb_core.schema.behaviors import ALL_CLAUSES, IMPLICIT_CLAUSES


class Section(BaseModel):
    """Base of all sections: unknown settings are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class DataSettings(Section):
    """Which of the run's frozen data is used, and how."""

    from_versions: Literal["all", "parent"] = Field(
        default="all",
        description="Triplets of every model version, or only those that the parent version wrote.",
    )
    with_unblinded: bool = Field(
        default=False,
        description="Learn from what was done while the names of the versions were in view, too.",
    )
    with_names_told: bool = Field(
        default=True,
        description="Learn from votes among answers of which one says whose it is, too.",
    )
    edits: bool = Field(
        default=True,
        description="Learn from edits, where votes are learned from: what somebody made of an answer is better than "
        "the answer was, and one to imitate. Edits count as votes do.",
    )
    held_out: float = Field(
        default=0.2,
        gt=0,
        lt=0.9,
        description="Share of the query texts kept out of training, for every held-out figure.",
    )
    person_share: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="Largest share of the training weight that any one person may have.",
    )
    clauses: tuple[str, ...] = Field(
        default=IMPLICIT_CLAUSES,
        description="Clauses of the behaviour text that the generator is conditioned on.",
    )
    balance: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="How evenly behaviour texts are drawn: rows weigh (rows with the same text) to the power of minus "
        "this. 0 as logged, 1 every text equally often. What a behaviour says about its response stays the same.",
    )
    preference: float = Field(
        default=0.0,
        ge=0,
        le=5,
        description="How much more often liked behaviours are drawn: rows weigh exp(this times the behaviour's "
        "preference score, in likes) where that is above 0.",
    )
    dislike: float = Field(
        default=0.0,
        ge=0,
        le=5,
        description="How much less often disliked behaviours are drawn: rows weigh exp(this times the score) "
        "where it is below 0. At 0 they weigh what those between weigh, and discriminator and generator see what "
        "a dislike tells.",
    )
    form: Literal["text", "numbers", "both"] = Field(
        default="text",
        description="How a behaviour is written for generator and discriminator: as a sentence, as numbered classes, "
        "or as both.",
    )
    condition: str = Field(
        default="",
        description="Behaviour text to serve on (RLHB) or to reward (RLHBC); empty takes the most frequent of "
        "the most preferred ones (data.preferred_share).",
    )
    preferred_share: float = Field(
        default=0.03,
        gt=0,
        le=1,
        description="Share of the rows that the most preferred behaviours together make up, of which the most "
        "frequent is served on or rewarded. Lower where people rarely show that they like an answer.",
    )
    min_triplets: int = Field(
        default=48,
        ge=8,
        description="Fewest triplets with which an arm that learns from behaviours starts.",
    )
    min_comparisons: int = Field(
        default=16,
        ge=8,
        description="Fewest votes with which an arm that learns from votes starts; also of rated answers, for "
        "each aspect.",
    )

    @field_validator("clauses")
    @classmethod
    def _known_clauses(cls, clauses: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(clauses) - set(ALL_CLAUSES))
        if unknown or not clauses:
            raise ValueError(
                f"choose some of {', '.join(ALL_CLAUSES)}; unknown: {', '.join(unknown) or 'none'}"
            )
        return clauses


class AdapterSettings(Section):
    """The LoRA adapter that is trained; the trunk below it stays frozen."""

    rank: int = Field(
        default=32, ge=1, le=512, description="Rank of the LoRA adapter on all linear layers."
    )
    alpha: int = Field(
        default=64, ge=1, description="LoRA scale: updates are multiplied by alpha / rank."
    )


class SamplingSettings(Section):
    """How responses are drawn, in training and in evaluation alike."""

    temperature: float = Field(
        default=1.0,
        gt=0,
        le=5,
        description="Sampling temperature; log-probabilities are taken at it everywhere.",
    )
    max_new_tokens: int = Field(
        default=48, ge=1, le=4096, description="Longest response in tokens."
    )
    max_prompt_tokens: int = Field(
        default=256,
        ge=8,
        le=32768,
        description="Longest prompt in tokens; of a longer one the end is kept.",
    )
    batch: int = Field(
        default=128,
        ge=1,
        description="Responses decoded at once; a quarter of it is scored at once. Larger on a GPU.",
    )


class PpoSettings(Section):
    """The PPO loop, the same for every arm."""

    iterations: int = Field(
        default=70, ge=1, description="Iterations: rollouts, then an update of the policy."
    )
    rollouts: int = Field(default=192, ge=2, description="Responses per iteration.")
    per_query: int = Field(
        default=1,
        ge=1,
        description="Responses drawn for the same query and behaviour; above 1 each one's reward is taken "
        "against the mean of the others in its group.",
    )
    minibatch: int = Field(default=96, ge=1, description="Responses per policy update.")
    micro_batch: int = Field(
        default=32, ge=1, description="Responses per forward pass; gradients add up exactly."
    )
    epochs: int = Field(default=1, ge=1, description="Passes over the rollouts of an iteration.")
    learning_rate: float = Field(
        default=1e-3,
        gt=0,
        description="Peak learning rate of the policy's adapter, falling evenly to a fifth.",
    )
    rise: int = Field(
        default=8,
        ge=1,
        description="First iterations in which the policy's learning rate rises to its peak.",
    )
    critic_learning_rate: float = Field(
        default=3e-3, gt=0, description="Learning rate of the value head."
    )
    critic_epochs: int = Field(
        default=4, ge=1, description="Passes of the value head per iteration."
    )
    critic_warmup: int = Field(
        default=2, ge=0, description="First iterations in which only the value head learns."
    )
    kl: float = Field(
        default=0.05, ge=0, description="Weight of the per-token KL penalty to the start."
    )
    likelihood: float = Field(
        default=0.0,
        ge=0,
        description="Weight of the likelihood of logged answers beside PPO (PPO-ptx of InstructGPT, arXiv "
        "2203.02155, eq. 2), for the arms with a discriminator; 0 leaves it out.",
    )
    likelihood_batch: int = Field(
        default=32, ge=1, description="Logged answers per policy update behind that likelihood."
    )
    average: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Share of the iterations that the running average of the policy's weights reaches back over, "
        "with which it is looked at and the run ends; 0 takes the newest weights.",
    )
    clip: float = Field(
        default=0.2, gt=0, lt=1, description="PPO clip range of the probability ratio."
    )
    entropy: float = Field(
        default=0.0,
        ge=0,
        description="Weight of an entropy bonus: without it the policy may settle on one manner of answering "
        "before the reward has told it which one people like.",
    )
    truncated_penalty: float = Field(
        default=2.0,
        ge=0,
        description="Taken off the score of a response that did not end by itself, in score spreads.",
    )
    kl_stop: float = Field(
        default=30.0,
        gt=0,
        description="The run stops as diverged when the mean KL per response exceeds this.",
    )
    kl_target: float = Field(
        default=0.0,
        ge=0,
        description="If above 0, the KL weight is adapted toward this mean KL per response.",
    )

    @model_validator(mode="after")
    def _in_whole_groups(self) -> Self:
        if self.rollouts % self.per_query:
            raise ValueError("ppo.rollouts must be a multiple of ppo.per_query")
        return self


class EvaluationSettings(Section):
    """What is measured at the end of a run."""

    samples: int = Field(
        default=1200,
        ge=8,
        description="Prompts answered by both the start and the new version, at temperature 1.",
    )
    judge_rollouts: int = Field(
        default=2400,
        ge=8,
        description="Most rollouts per policy for the fresh judges: they learn from two fifths of them, stop and are "
        "calibrated by one fifth, and are tested on the rest.",
    )
    judge_seeds: int = Field(
        default=3, ge=1, le=16, description="Seeds with which every fresh judge is trained anew."
    )
    judge_pretrain_steps: int = Field(
        default=400,
        ge=0,
        description="Steps on logged triplets and behaviours of others before a fresh judge sees generated answers.",
    )
    judge_steps: int = Field(
        default=200, ge=1, description="Most gradient steps with which a fresh judge is trained."
    )
    reading_seeds: int | None = Field(
        default=None,
        ge=0,
        description="Seeds of the fresh judge that finetunes a whole copy of the base model; none takes one for a base "
        "model of up to 50 million parameters, and leaves it out for a larger one.",
    )
    reading_steps: int = Field(
        default=16, ge=1, description="Most gradient steps with which that judge is trained."
    )
    watch: int = Field(
        default=48,
        ge=0,
        description="Held-out queries per iteration that the policy, as it would be served, answers to show the "
        "discriminator's confusion.",
    )
    best_of: int = Field(
        default=0,
        ge=0,
        description="Answers of SFT of which the reward model, classifier or discriminator keeps the best, as a "
        "baseline without training; 0 leaves it out (embedded world only).",
    )
    every: int = Field(
        default=0,
        ge=0,
        description="Iterations between two looks at the policy's worth in the embedded world; 0 looks at the end "
        "only.",
    )
    every_samples: int = Field(
        default=200, ge=8, description="Questions behind each of these looks."
    )
    foreseen_votes: int = Field(
        default=1500,
        ge=8,
        description="Questions about held-out facts on whose simulated votes a reward model is tested (embedded world "
        "only).",
    )
    bootstrap: int = Field(default=1000, ge=100, description="Resamples behind every interval.")
