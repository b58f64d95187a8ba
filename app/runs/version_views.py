"""Model versions as pages and API clients see them: lineage, verdict, and how each is offered. Changes nothing."""

from collections.abc import Mapping
from uuid import UUID

from app.runs.deploying import offer, previous
from app.runs.verdict_view import verdict_tone
from app.runs.views import OfferView, PreviousSet, VersionLink, VersionsView, VersionView
from app.store import Connection, versions
from rlhb_core.schema.records import ModelVersion, Run
from rlhb_core.world import embedded


def list_versions(connection: Connection) -> VersionsView:
    """Every version that can be served, newest first; those served now on top."""
    served = {version.id for version in versions.served(connection)}
    names = versions.names(connection)
    stored = sorted(versions.all(connection), key=lambda v: (v.id not in served, -v.created_ms))
    before = previous(connection)
    return VersionsView(
        versions=[_version_view(version, served, names) for version in stored],
        previous=None
        if before is None
        else PreviousSet(names=[v.name for v in before], ids=[v.id for v in before]),
    )


def version_of(connection: Connection, run: Run) -> VersionLink | None:
    """The version that came of a run, if one has."""
    served = {version.id for version in versions.served(connection)}
    for version in versions.all(connection):
        if version.run_id == run.id:
            return VersionLink(
                id=version.id,
                name=version.name,
                served=version.id in served,
                offer=OfferView(**offer(version.verdict)._asdict()),
            )
    return None


def _version_view(
    version: ModelVersion, served: set[UUID], names: Mapping[UUID, str]
) -> VersionView:
    parent = names.get(version.parent_id) if version.parent_id else None
    parts = [f"from {parent}" if parent else "", version.trained_on]
    return VersionView(
        id=version.id,
        name=version.name,
        arm=version.arm,
        arm_label=version.arm.label,
        verdict_words=version.verdict or "–",
        tone=verdict_tone(version.verdict),
        lineage=" · ".join(filter(None, parts)),
        run_id=version.run_id,
        served=version.id in served,
        offer=OfferView(**offer(version.verdict)._asdict()),
        embedded=embedded.is_embedded(version.base),
    )
