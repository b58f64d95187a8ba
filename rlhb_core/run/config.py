"""The settings of a run: one typed tree, every setting with its sentence.

Recipes (`recipes/*.toml`) hold what differs from the defaults here and are read in `recipe.py`; help pages and
docs/reference.md are made by `describe_settings`. Sections of teachers are added by them. Does not know what the
settings do beyond that, and loads no weights.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, TypeVar

from pydantic import BaseModel, Field, create_model, model_validator

from rlhb_core.run.sections import (
    AdapterSettings,
    DataSettings,
    EvaluationSettings,
    PpoSettings,
    SamplingSettings,
    Section,
)
from rlhb_core.schema.arms import ARMS, Arm
from rlhb_core.schema.records import EMBEDDED, Source

AnySection = TypeVar("AnySection", bound=Section)


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
    ppo: PpoSettings = Field(default_factory=PpoSettings, description="The PPO loop.")
    evaluation: EvaluationSettings = Field(
        default_factory=EvaluationSettings, description="What is measured at the end."
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.arm is Arm.SFT:
            raise ValueError("the sft arm is the base model itself and is not trained here")
        if self.arm not in ARMS:
            raise ValueError(f"there is no arm {self.arm!r}; there are: {', '.join(ARMS)}")
        if ARMS[self.arm].start is not Arm.SFT and self.start is None:
            raise ValueError(
                f"{self.arm} starts from an {ARMS[self.arm].start.label} version: name its adapter folder in start"
            )
        if self.ppo.likelihood and not self.conditioned:
            raise ValueError(
                f"ppo.likelihood is for the arms with a discriminator; for {self.arm} it must be 0"
            )
        return self

    @classmethod
    def load(cls, settings: Mapping[str, Any]) -> "RunConfig":
        """The settings with the sections of all teachers. Raises pydantic's ValidationError."""
        return config_type().model_validate(dict(settings))

    def section(self, kind: type[AnySection]) -> AnySection:
        """The section of this kind, which some teacher has added."""
        name = next(name for name, (known, _) in _ADDED.items() if known is kind)
        found: AnySection = getattr(self, name)
        return found

    @property
    def conditioned(self) -> bool:
        """Whether the policy is asked for a behaviour."""
        return ARMS[self.arm].conditioned

    @property
    def learns_from_votes(self) -> bool:
        """Whether the arm learns from votes rather than from behaviours."""
        return ARMS[self.arm].votes


_ADDED: dict[str, tuple[type[Section], str]] = {}


def add_section(name: str, kind: type[Section], sentence: str) -> None:
    """Give every run's settings one more section."""
    _ADDED[name] = (kind, sentence)
    config_type.cache_clear()


@cache
def config_type() -> type[RunConfig]:
    """RunConfig with the sections that teachers have added."""
    fields: dict[str, Any] = {
        name: (kind, Field(default_factory=kind, description=sentence))
        for name, (kind, sentence) in _ADDED.items()
    }
    return create_model("RunConfig", __base__=RunConfig, **fields)


class SettingRow(NamedTuple):
    """One setting as a help page shows it."""

    name: str
    default: str
    sentence: str


def describe_settings() -> list[SettingRow]:
    """Every setting with its default and its sentence, sections flattened with dots."""
    return list(_describe(config_type(), ""))


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
