"""The versions that are there before anybody has trained one: those shipped with the package, or the given base model.

Called once at start. Does not load a model.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.serving.discovery import discover
from app.settings import Settings
from app.store import Connection, Store, versions
from rlhb_core.errors import BadConfig
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.record import now_ms
from rlhb_core.schema.records import EMBEDDED, ModelVersion, Serving
from rlhb_core.world import embedded

log = logging.getLogger(__name__)

BASE_TRAINED_ON = (
    "Simulated: questions and answers of the embedded closed world, of mixed quality; no feedback."
)

COMPARED = frozenset({Arm.RLHF, Arm.RLHB, Arm.RLHF_RLHB})
"""What the page is there to compare: these stand in it from the start, SFT once somebody puts it in."""


def register_base(store: Store, settings: Settings) -> None:
    """See to it that the store has the base model's versions and that some of them are served.

    What is deployed stays deployed as long as it stands on the same base model; with another base, its versions take
    over (a deployment more, so that going back is possible). Raises BadConfig if the base model cannot be used.
    """
    given = None
    if settings.base_model != EMBEDDED:
        given = given_version(settings.base_model, settings.base_model_protocol)
    with store.writing() as connection:
        if given is None:  # noqa: SIM108 - the ternary is longer
            found = _ensure_shipped(connection, shipped_versions())
        else:
            found = [_ensure_given(connection, given)]
        served = versions.served(connection)
        if not any(version.base == found[0].base for version in served):
            compared = [version for version in found if version.arm in COMPARED] or found
            versions.deploy(
                connection,
                [version.id for version in compared],
                note=f"Served from the start: {', '.join(version.name for version in compared)}"[
                    :200
                ],
            )


@dataclass(frozen=True)
class Shipped:
    """A version that ships with the package, and the name of the one that it was trained from."""

    version: ModelVersion
    parent: str | None = None


def shipped_versions() -> list[Shipped]:
    """SFT is the base itself, every other arm an adapter on it; each after its parent."""
    sft = ModelVersion(
        name=_name(Arm.SFT.label), arm=Arm.SFT, base=EMBEDDED, trained_on=BASE_TRAINED_ON
    )
    adapted = [_shipped(embedded.version_path(arm)) for arm in embedded.shipped_arms()]
    return [Shipped(sft), *sorted(adapted, key=lambda each: each.parent != sft.name)]


def _shipped(folder: Path) -> Shipped:
    # not by rlhb_core.train.version, which would import torch before the first page is up
    facts: dict[str, Any] = json.loads((folder / "version.json").read_text("utf-8"))
    arm = Arm(facts["arm"])
    version = ModelVersion(
        name=_name(arm.label),
        arm=arm,
        base=EMBEDDED,
        adapter=str(folder),
        condition=facts["condition"],
        trained_on=f"{facts['triplets']:,} triplets and {facts['comparisons']:,} votes, {facts['trained_on']}"[
            :400
        ],
        verdict=facts["verdict"],
    )
    return Shipped(version, _name(facts["parent_version"]))


def _name(label: str) -> str:
    return f"Embedded {label}"


def given_version(base_model: str, protocol: str) -> ModelVersion:
    """An SFT version for a base model given by its address, folder or hub name."""
    if base_model.startswith(("http://", "https://")):
        serving, base = discover(base_model, protocol)
        name = base.partition("://")[2]
    else:
        serving, base = Serving.LOCAL, _folder_or_hub(base_model)
        name = Path(base).name
    return ModelVersion(
        name=f"SFT {name}"[:80],
        arm=Arm.SFT,
        serving=serving,
        base=base,
        trained_on="Unknown to this app: the model was given as it is.",
    )


def _folder_or_hub(base_model: str) -> str:
    folder = Path(base_model).expanduser()
    if (folder / "config.json").is_file():
        return str(folder.resolve())
    if folder.exists() or base_model.startswith(("/", ".", "~")):
        raise BadConfig(
            f"{base_model} is no folder with a model in it (config.json is missing); "
            "give a folder that transformers loads, a hub name, or a server's address"
        )
    return base_model


def _ensure_shipped(connection: Connection, shipped: Sequence[Shipped]) -> list[ModelVersion]:
    """The stored versions of these names, added if missing; their adapters are found again if the package has moved."""
    found: list[ModelVersion] = []
    began = now_ms()
    for place, (version, parent_name) in enumerate((s.version, s.parent) for s in shipped):
        stored = versions.by_name(connection, version.name)
        if stored is None:
            parent = versions.by_name(connection, parent_name) if parent_name else None
            lineage = {"parent_id": parent and parent.id, "created_ms": began + place}
            stored = versions.add(connection, version.model_copy(update=lineage))
        elif stored.adapter != version.adapter:
            log.info("%s is now taken from %s", stored.name, version.adapter)
            stored = versions.change(connection, stored.id, adapter=version.adapter)
        found.append(stored)
    return found


def _ensure_given(connection: Connection, given: ModelVersion) -> ModelVersion:
    """The stored SFT version on this base model; else the new one, under a name of its own."""
    stored = versions.all(connection)
    for version in stored:
        if (version.base, version.serving, version.adapter) == (given.base, given.serving, None):
            return version
    taken = {version.name for version in stored}
    name, number = given.name, 1
    while name in taken:
        number += 1
        name = f"{given.name[:74]} ({number})"
    return versions.add(connection, given.model_copy(update={"name": name}))
