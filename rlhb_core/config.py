"""The settings of a run: one typed tree, every setting with its sentence.

Recipes (`recipes/*.toml`) hold what differs from the defaults here and are read in `recipe.py`; help pages and the
README's table are made by `describe_settings`. Does not know what the settings do beyond that, and loads no weights.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from rlhb_core.arms import ARMS, Teacher
from rlhb_core.behaviors import ALL_CLAUSES, IMPLICIT_CLAUSES
from rlhb_core.records import Arm, Source

EMBEDDED = "embedded"
"""The base model's name that means the small model shipped with the package."""


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
        description="How much less often disliked behaviours are drawn: rows weigh exp(this times the score) where it is "
        "below 0. At 0 they weigh what those between weigh, and discriminator and generator see what a dislike tells.",
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
        description="Share of the rows that the most preferred behaviours together make up, of which the most frequent is served "
        "on or rewarded. Lower where people rarely show that they like an answer.",
    )
    min_triplets: int = Field(
        default=48,
        ge=8,
        description="Fewest triplets with which an arm that learns from behaviours starts.",
    )
    min_comparisons: int = Field(
        default=16,
        ge=8,
        description="Fewest votes with which an arm that learns from votes starts; also of rated pairs, for each aspect.",
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


class RewardModelSettings(Section):
    """The Bradley-Terry reward model: a head on frozen features of the base model."""

    steps: int = Field(default=120, ge=1, description="Gradient steps.")
    batch: int = Field(default=256, ge=2, description="Votes per step.")
    learning_rate: float = Field(default=1e-3, gt=0, description="Learning rate of the head.")
    weight_decay: float = Field(default=0.05, ge=0, description="Weight decay of the head.")
    members: int = Field(
        default=1,
        ge=1,
        le=16,
        description="Heads trained with different seeds, whose scores make one by reward_model.score.",
    )
    score: Literal["mean", "lowest", "variance_penalised"] = Field(
        default="mean",
        description="How the heads' scores make one: their mean, the lowest, or the mean minus their variance times "
        "reward_model.variance_weight. The last two trust no score on which the heads disagree.",
    )
    variance_weight: float = Field(
        default=0.5, ge=0, description="Weight of the variance, with score = variance_penalised."
    )
    margin: float = Field(
        default=0.0,
        ge=0,
        description="Logits by which a chosen response must lead, per point of the strength of its preference (1 slightly, "
        "2 clearly, 3 much better); votes without a strength need no lead.",
    )
    aspects: dict[str, Annotated[float, Field(ge=0)]] = Field(
        default_factory=dict,
        description="Rated aspects with a head of their own and the weight of each in the score, where votes weigh 1: "
        "aspects.clear = 0.5. Each is trained on pairs of answers to the same query.",
    )


class ClassifierSettings(Section):
    """The classifier of behaviours of RLHBC: heads on frozen features of the base model."""

    steps: int = Field(default=200, ge=1, description="Gradient steps.")
    batch: int = Field(default=256, ge=2, description="Triplets per step.")
    learning_rate: float = Field(default=1e-3, gt=0, description="Learning rate.")
    weight_decay: float = Field(default=0.05, ge=0, description="Weight decay.")
    dropout: float = Field(default=0.1, ge=0, lt=1, description="Dropout in the body.")


class WarmupSettings(Section):
    """Behaviour-conditioned likelihood on logged triplets, before the adversarial stage."""

    steps: int = Field(default=200, ge=0, description="Gradient steps; 0 leaves the warm-up out.")
    batch: int = Field(default=64, ge=1, description="Triplets per gradient step.")
    micro_batch: int = Field(
        default=32, ge=1, description="Triplets per forward pass; gradients add up to the batch."
    )
    learning_rate: float = Field(
        default=2e-3, gt=0, description="Peak learning rate, decaying to a tenth."
    )


class DiscriminatorSettings(Section):
    """The projection discriminator on cached frozen features, and its place in the adversarial loop."""

    pretrain_steps: int = Field(
        default=300,
        ge=1,
        description="Steps on who did what, and on logged triplets against rollouts of the start.",
    )
    pretrain_rollouts: int = Field(
        default=512, ge=8, description="Rollouts of the start used in pretraining."
    )
    steps: int = Field(
        default=8, ge=0, description="Discriminator steps per iteration of the adversarial stage."
    )
    batch: int = Field(
        default=256, ge=2, description="Real triplets per step, with as many generated ones."
    )
    learning_rate: float = Field(
        default=1e-3, gt=0, description="Learning rate of the discriminator's pretraining."
    )
    online_learning_rate: float = Field(
        default=3e-4,
        gt=0,
        description="Learning rate of the discriminator in the adversarial stage; kept low, so that it does not "
        "learn the latest rollouts by heart.",
    )
    weight_decay: float = Field(
        default=0.01, ge=0, description="Weight decay of the discriminator."
    )
    dropout: float = Field(
        default=0.1, ge=0, lt=1, description="Dropout inside the discriminator's head."
    )
    loss: Literal["classical", "relativistic"] = Field(
        default="classical",
        description="What D learns. Classical: to tell logged from generated triplets (cross-entropy). Relativistic: which of "
        "two answers to the same query and behaviour is the logged one (Bradley-Terry).",
    )
    reward: Literal["logit", "log_d", "minus_log_one_minus_d"] = Field(
        default="logit",
        description="What of D is the reward: the logit, centred over other responses under the same behaviour; log D, "
        "which favours short answers; or -log(1 - D), which favours long ones.",
    )
    smoothing: float = Field(
        default=0.1, ge=0, lt=0.5, description="Label smoothing: real counts as 1 minus this."
    )
    replay: float = Field(
        default=0.25,
        ge=0,
        lt=1,
        description="Share of the generated triplets taken from earlier iterations.",
    )
    replay_size: int = Field(default=2000, ge=0, description="Generated triplets kept for replay.")
    mismatch: float = Field(
        default=0.5,
        ge=0,
        description="Weight of the loss that ranks a logged response's true behaviour above another one; 0 leaves mismatched "
        "triplets out of the pretraining too.",
    )
    reward_clip: float = Field(
        default=2.5, gt=0, description="Bound on the discriminator logit in the reward."
    )


class PreferenceSettings(Section):
    """The baselines that learn from the data itself, by losses of TRL."""

    steps: int = Field(default=200, ge=1, description="Gradient steps.")
    batch: int = Field(
        default=32, ge=2, description="Pairs, winning answers or labelled answers per step."
    )
    learning_rate: float = Field(
        default=1e-3, gt=0, description="Peak learning rate, decaying to a tenth."
    )
    beta: float = Field(
        default=0.1,
        gt=0,
        description="DPO and KTO: weight of staying near the start. ORPO: weight of the odds ratio. SFT has none.",
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
        description="Responses drawn for the same query and behaviour; above 1 each one's reward is taken against the mean "
        "of the others in its group.",
    )
    minibatch: int = Field(default=96, ge=1, description="Responses per policy update.")
    micro_batch: int = Field(
        default=32, ge=1, description="Responses per forward pass; gradients add up exactly."
    )
    epochs: int = Field(default=1, ge=1, description="Passes over the rollouts of an iteration.")
    learning_rate: float = Field(
        default=1e-3, gt=0, description="Peak learning rate of the policy's adapter."
    )
    rise: int = Field(
        default=8,
        ge=1,
        description="First iterations in which the policy's learning rate rises to its peak.",
    )
    final_learning_rate: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="Fraction of the learning rate that is left at the end.",
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
        description="Weight of the likelihood of logged answers beside PPO (PPO-ptx of InstructGPT, arXiv 2203.02155, eq. 2), "
        "for the arms with a discriminator; 0 leaves it out.",
    )
    likelihood_batch: int = Field(
        default=32, ge=1, description="Logged answers per policy update behind that likelihood."
    )
    average: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Share of the iterations that the running average of the policy's weights reaches back over, with which "
        "it is looked at and the run ends; 0 takes the newest weights.",
    )
    clip: float = Field(
        default=0.2, gt=0, lt=1, description="PPO clip range of the probability ratio."
    )
    gamma: float = Field(default=1.0, gt=0, le=1, description="Discount per token.")
    gae_lambda: float = Field(
        default=0.95, ge=0, le=1, description="Lambda of generalised advantage estimation."
    )
    gradient_clip: float = Field(default=1.0, gt=0, description="Largest gradient norm.")
    entropy: float = Field(
        default=0.0,
        ge=0,
        description="Weight of an entropy bonus: without it the policy may settle on one manner of answering before the reward "
        "has told it which one people like.",
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
        description="Answers of SFT of which the reward model, classifier or discriminator keeps the best, as a baseline "
        "without training; 0 leaves it out (embedded world only).",
    )
    every: int = Field(
        default=0,
        ge=0,
        description="Iterations between two looks at the policy's worth in the embedded world; 0 looks at the end only.",
    )
    every_samples: int = Field(
        default=200, ge=8, description="Questions behind each of these looks."
    )
    watch_iterations: int = Field(
        default=8,
        ge=1,
        description="Iterations whose held-out rollouts the discriminator is looked at on, for steady figures.",
    )
    foreseen_votes: int = Field(
        default=1500,
        ge=8,
        description="Questions about held-out facts on whose simulated votes a reward model is tested (embedded world only).",
    )
    bootstrap: int = Field(default=1000, ge=100, description="Resamples behind every interval.")


class RunConfig(Section):
    """Everything that a run needs to know besides its data."""

    arm: Arm = Field(description=f"What is trained: {', '.join(ARMS)}.")
    recipe: str = Field(default="", description="Name of the recipe that these settings come from.")
    base: str = Field(
        default=EMBEDDED,
        description="Base model: 'embedded', or a folder or hub name that transformers loads.",
    )
    start: Path | None = Field(
        default=None,
        description="Adapter folder of the version to start from; none starts from the base model.",
    )
    start_condition: str = Field(
        default="",
        description="Behaviour text on which the version to start from was served; empty if on none.",
    )
    parent_version: str = Field(
        default="", description="Name of the version that the run starts from."
    )
    source: Source | None = Field(
        default=None, description="Where the data comes from, if all of it comes from one source."
    )
    data_until_ms: int | None = Field(
        default=None,
        ge=0,
        description="When the store's newest signal had come as the run's data was frozen: milliseconds since 1970, "
        "by the server's clock. Written by the app.",
    )
    seed: int = Field(default=0, ge=0, description="Seed of everything that is random.")
    threads: int = Field(default=1, ge=1, le=256, description="CPU threads.")
    device: str = Field(default="auto", description="Device: auto, cpu, cuda, cuda:1 ...")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto",
        description="Precision of the trunk; auto takes bfloat16 on a GPU that has it.",
    )
    checkpoint_every: int = Field(
        default=10, ge=1, description="Steps of a stage between two checkpoints."
    )
    data: DataSettings = Field(
        default_factory=DataSettings, description="Which data is used, and how."
    )
    adapter: AdapterSettings = Field(
        default_factory=AdapterSettings, description="The LoRA adapter."
    )
    sampling: SamplingSettings = Field(
        default_factory=SamplingSettings, description="How responses are drawn."
    )
    reward_model: RewardModelSettings = Field(
        default_factory=RewardModelSettings, description="The reward model of RLHF."
    )
    classifier: ClassifierSettings = Field(
        default_factory=ClassifierSettings, description="The classifier of behaviours of RLHBC."
    )
    warmup: WarmupSettings = Field(
        default_factory=WarmupSettings, description="The likelihood warm-up of RLHB."
    )
    discriminator: DiscriminatorSettings = Field(
        default_factory=DiscriminatorSettings, description="The discriminator of RLHB."
    )
    preference: PreferenceSettings = Field(
        default_factory=PreferenceSettings, description="SFT on preferred, DPO, ORPO and KTO."
    )
    ppo: PpoSettings = Field(default_factory=PpoSettings, description="The PPO loop.")
    evaluation: EvaluationSettings = Field(
        default_factory=EvaluationSettings, description="What is measured at the end."
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.arm is Arm.SFT:
            raise ValueError("the sft arm is the base model itself and is not trained here")
        if ARMS[self.arm].start is not Arm.SFT and self.start is None:
            raise ValueError(
                f"{self.arm} starts from an {ARMS[self.arm].start.label} version: name its adapter folder in start"
            )
        if self.ppo.rollouts % self.ppo.per_query:
            raise ValueError("ppo.rollouts must be a multiple of ppo.per_query")
        if self.ppo.likelihood and not self.adversarial:
            raise ValueError(
                f"ppo.likelihood is for the arms with a discriminator; for {self.arm} it must be 0"
            )
        return self

    @property
    def teacher(self) -> Teacher:
        """Where the arm's learning signal comes from."""
        return ARMS[self.arm].teacher

    @property
    def adversarial(self) -> bool:
        """Whether the reward comes from a discriminator (RLHB), and the policy is conditioned on behaviours."""
        return self.teacher is Teacher.DISCRIMINATOR

    @property
    def learns_from_votes(self) -> bool:
        """Whether the arm learns from votes rather than from behaviours."""
        return ARMS[self.arm].votes


class SettingRow(NamedTuple):
    """One setting as a help page shows it."""

    name: str
    default: str
    sentence: str


def describe_settings() -> list[SettingRow]:
    """Every setting with its default and its sentence, sections flattened with dots."""
    return list(_describe(RunConfig, ""))


def _describe(section: type[BaseModel], prefix: str) -> Iterator[SettingRow]:
    for name, field in section.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from _describe(kind, f"{prefix}{name}.")
            continue
        default = (
            "" if field.is_required() else _shown(field.get_default(call_default_factory=True))
        )
        yield SettingRow(f"{prefix}{name}", default, field.description or "")


def _shown(value: Any) -> str:
    if value is None or value == {}:
        return "none"
    return ", ".join(value) if isinstance(value, tuple) else str(value)
