"""What a training run would have to work with: the choice on the form, and whether its data is enough, in words.

Read-only: nothing is started here (`training.py`). Does not know how data is filtered or written (`app.files`).
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from app.files import Amounts, DataFilter, amounts, corrected, start_of
from app.settings import Settings
from app.store import Connection, Store, storable, versions
from rlhb_core import teachers
from rlhb_core.errors import BadConfig, NotEnoughData, RlhbError
from rlhb_core.lm.servable import refusal_by_config
from rlhb_core.run.config import RunConfig
from rlhb_core.run.recipe import load_recipe, recipes
from rlhb_core.schema.arms import ARMS, Arm, starts
from rlhb_core.schema.records import ModelVersion, Serving, Source

NOT_BY_FORM = frozenset(
    {"arm", "base", "parent_version", "recipe", "source", "start", "start_condition"}
)
"""Settings that a form or a request may not change: they name folders of this machine, or say what the data is."""


@dataclass(frozen=True)
class Choice:
    """What a person asks to have trained."""

    arm: Arm
    sources: frozenset[Source] = frozenset({Source.REAL})
    since: date | None = None
    """Only data since the beginning of this day."""
    recipe: str = ""
    """Empty: the arm's own."""
    parent: str = ""
    """Name of the version to start from; empty: the base model,
    for RLHF+RLHB and RLHF+RLHBC the newest RLHF version.
    """
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """Settings changed from the recipe, by dotted name."""
    include_unblinded: bool = False
    """Learn from what was done while the names of the versions were in view, too."""

    @property
    def data(self) -> DataFilter:
        """The data that is asked for. People are told apart, so that none can outweigh the others."""
        since = None if self.since is None else start_of(self.since)
        return DataFilter(
            sources=self.sources,
            since_ms=since,
            with_people=True,
            with_unblinded=self.include_unblinded,
        )


@dataclass(frozen=True)
class Proposal:
    """What would be trained, on how much; `enough` says whether it can start, `sentence` why or why not."""

    choice: Choice
    amounts: Amounts
    data: str
    """The data in words, such as "2,140 real triplets and 712 votes from 3 people since 1 November 2026"."""
    enough: bool
    sentence: str
    config: RunConfig | None = None
    parent: ModelVersion | None = None


def trainable() -> list[Arm]:
    """Arms that can be trained here, in the order of the form."""
    return [arm for arm in ARMS if not teachers.missing(arm)]


def of_a_stranger(choice: Choice) -> Choice:
    """The choice, if it names nothing but what is here: no file as recipe, no folder. Raises BadConfig.

    Whoever uses the command line may name any file; whoever uses a form or the API may not.
    """
    if choice.recipe and choice.recipe not in recipes():
        raise BadConfig(f"there is no such recipe; there are: {', '.join(recipes())}")
    for name in choice.overrides:
        if name.partition(".")[0] in NOT_BY_FORM:
            raise BadConfig(f"{name[:40]} follows from the choice and cannot be changed")
    return choice


def propose(store: Store, settings: Settings, choice: Choice) -> Proposal:
    """The proposal for this choice; what speaks against it is a sentence in it rather than an error."""
    if choice.arm in ARMS and (lacking := teachers.missing(choice.arm)):
        raise BadConfig(lacking)
    if choice.arm not in ARMS:
        *more, last = (arm.label for arm in trainable())
        raise BadConfig(
            f"{choice.arm.label} is not trained here; choose {', '.join(more)} or {last}"
        )
    found = amounts(store, choice.data)
    data = data_words(choice, found)
    try:
        with store.reading() as connection:
            parent = find_parent(connection, settings, choice)
        config = make_config(settings, choice, parent)
        edits = _edits(store, choice, config, found)
        data += f", and {edits:,} {'edit' if edits == 1 else 'edits'}" if edits else ""
        _check_amounts(choice, config, found, edits, data)
    except RlhbError as reason:
        return Proposal(choice, found, data, False, str(reason) + _elsewhere(store, choice, reason))
    start = f", starting from {parent.name}" if parent.adapter else ""
    sentence = f"{data}: enough for {choice.arm.label}{start}.{_little(config, found)}"
    return Proposal(choice, found, data, True, sentence, config, parent)


def find_parent(connection: Connection, settings: Settings, choice: Choice) -> ModelVersion:
    """The version that the run starts from. Raises BadConfig, saying what to do."""
    if choice.parent:
        parent = versions.by_name(connection, storable(choice.parent))
        if parent is None:
            known = ", ".join(version.name for version in versions.all(connection))
            raise BadConfig(f"there is no version {choice.parent!r}; there are: {known}")
    else:
        parent = _usual_parent(connection, choice.arm)
    if parent.arm not in starts(choice.arm):
        fitting = ", ".join(parents_for(connection, choice.arm)) or "none yet"
        raise BadConfig(
            f"{choice.arm.label} cannot start from {parent.name}; versions that it can start from: {fitting}"
        )
    if parent.serving is not Serving.LOCAL:
        raise BadConfig(
            f"{parent.name} answers from a server, and its weights are needed for training: start the app with "
            "--base-model naming a folder or a hub model"
        )
    if why := refusal_by_config(parent.base):
        raise BadConfig(why)
    return parent


def _usual_parent(connection: Connection, arm: Arm) -> ModelVersion:
    """The base model that is served, or the newest version of the arm that this one starts from."""
    stored = versions.all(connection)
    served = versions.served(connection)
    here = [version for version in stored if not served or version.base == served[0].base]
    first = ARMS[arm].start
    if first is not Arm.SFT:
        aligned = [version for version in here if version.arm is first]
        if aligned:
            return aligned[-1]
        raise BadConfig(
            f"{arm.label} starts from an {first.label} version and there is none yet: train {first.label} first"
        )
    bases = [version for version in here if version.arm is Arm.SFT and not version.adapter]
    if bases:
        return bases[0]
    raise BadConfig("there is no base model to start from: start the app with --base-model")


def parents_for(connection: Connection, arm: Arm) -> list[str]:
    """Names of the versions that a run of this arm may start from, newest first."""
    return [
        version.name
        for version in reversed(versions.all(connection))
        if version.arm in starts(arm) and version.serving is Serving.LOCAL
    ]


def recipes_for(arm: Arm) -> list[str]:
    """Names of the recipes that train this arm, its own first."""
    fitting = [name for name in recipes() if load_recipe(name, {"start": "."}).arm is arm]
    return sorted(fitting, key=lambda name: (name != arm.value, name))


def make_config(settings: Settings, choice: Choice, parent: ModelVersion) -> RunConfig:
    """The run's settings: recipe, what the app decides, then the person's overrides. Raises BadConfig."""
    recipe = choice.recipe or next(iter(recipes_for(choice.arm)), choice.arm.value)
    of_the_app = {
        "base": parent.base,
        "parent_version": parent.name,
        "device": settings.device,
        "dtype": settings.dtype,
        "threads": settings.threads,
    }
    if parent.adapter:
        of_the_app["start"] = parent.adapter
        of_the_app["start_condition"] = parent.condition or ""
    if choice.include_unblinded:
        of_the_app["data.with_unblinded"] = True
    if len(choice.sources) == 1:
        of_the_app["source"] = next(iter(choice.sources))
    config = load_recipe(recipe, {**of_the_app, **choice.overrides})
    if config.arm is not choice.arm:
        raise BadConfig(
            f"recipe {config.recipe!r} trains {config.arm.label}, not {choice.arm.label}"
        )
    return config


def parse_overrides(lines: Iterable[str]) -> dict[str, Any]:
    """Settings written as `name=value`, values as JSON or plain text. Raises BadConfig."""
    found: dict[str, Any] = {}
    for line in filter(None, (line.strip() for line in lines)):
        name, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not re.fullmatch(r"[a-z_]+(\.[a-z_]+)*", name):
            raise BadConfig(f"{line[:60]!r} is no setting; write it like ppo.iterations=40")
        try:
            found[name] = json.loads(value)
        except json.JSONDecodeError:
            found[name] = value
    return found


def parse_since(text: str) -> date | None:
    """A day as YYYY-MM-DD, or None for an empty text. Raises BadConfig."""
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip()[:10])
    except ValueError:
        raise BadConfig(f"{text.strip()[:40]!r} is no day; write it as YYYY-MM-DD") from None


# --- words -------------------------------------------------------------------------------------------


def data_words(choice: Choice, found: Amounts) -> str:
    """The data as a phrase."""
    *more, last = sorted(choice.sources)
    kinds = f"{', '.join(more)} and {last}" if more else last
    since = f" since {choice.since.day} {choice.since:%B %Y}" if choice.since else ""
    named = ", acts with names in view taken in" if choice.include_unblinded else ""
    return f"{found.in_words(f'{kinds} ')}{since}{named}"


def _edits(store: Store, choice: Choice, config: RunConfig, found: Amounts) -> int:
    """How many edits are learned from as votes are; looked up only where votes alone are too few."""
    learned = config.learns_from_votes and config.data.edits
    too_few = found.votes < config.data.min_comparisons
    return corrected(store, choice.data) if learned and too_few else 0


def _check_amounts(
    choice: Choice, config: RunConfig, found: Amounts, edits: int, data: str
) -> None:
    if not config.learns_from_votes:
        wanted, there, noun = config.data.min_triplets, found.triplets, "triplets"
    else:
        wanted, there, noun = config.data.min_comparisons, found.votes + edits, "votes"
    if there < wanted:
        raise NotEnoughData(
            f"{data}: too little for {choice.arm.label}, which needs at least {wanted:,} {noun}."
        )


CLEAR_GAIN = 500
"""Votes, or queries answered three times, below which a run mostly shows that it runs."""


def _little(config: RunConfig, found: Amounts) -> str:
    """A word of caution for little data."""
    there = found.votes if config.learns_from_votes else found.triplets // 3
    if there >= CLEAR_GAIN:
        return ""
    noun = "votes" if config.learns_from_votes else "triplets"
    usual = CLEAR_GAIN if config.learns_from_votes else 3 * CLEAR_GAIN
    return (
        f" It is little: below about {usual:,} {noun} expect a first try rather than a clear gain."
    )


def _elsewhere(store: Store, choice: Choice, reason: RlhbError) -> str:
    """Where more data is to be had, if it is data that is lacking."""
    if not isinstance(reason, NotEnoughData):
        return ""
    others = frozenset(Source) - choice.sources
    there = {
        source: amounts(store, DataFilter(sources=frozenset({source}))).triplets
        for source in sorted(others)
    }
    kinds = " and ".join(f"{count:,} {source}" for source, count in there.items() if count)
    if kinds:
        return f" There are {kinds} ones: tick them above to train on them too."
    return " Ask and react on the Compare page, or let simulated annotators do it: rlhb simulate."
