"""/api/studies/{study_id}/care: how carefully people have judged, and who is left out of training for it."""

from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from app.api.deps import TheHeavy, TheStore, Who
from app.honesty import Signs, signs_of, work_in
from app.people import note, worker_named
from app.store import AuditKind, Store, UnknownReference, accounts, people, studies, work

router = APIRouter(prefix="/api/studies", tags=["studies"])


class Worked(BaseModel):
    """What one person has done in a study, and what it tells of their care."""

    person_id: UUID
    worker: str = Field(description="The ID by which a platform outside knows them, if one does.")
    simulated: bool
    excluded: bool = Field(description="Whether all of theirs is left out of exports and training.")
    skipped: int
    signs: Signs


class CareView(BaseModel):
    """Everybody who has judged something."""

    people: list[Worked] = Field(description="Those with most doubts first.")


class LeaveOut(BaseModel):
    """Whether somebody is left out."""

    model_config = ConfigDict(extra="forbid")

    excluded: bool


@router.get("/{study_id}/care")
async def show_care(study_id: UUID, store: TheStore, heavy: TheHeavy, who: Who) -> CareView:
    """How carefully each has judged: signs, no proof. Nobody is left out by it."""
    return await heavy.one_each(who.counted_as, _care, store, study_id)


def _care(store: Store, study_id: UUID) -> CareView:
    with store.reading() as connection:
        studies.get(connection, study_id)
        subjects = {each.person_id: each.subject for each in accounts.all(connection)}
        found = [
            Worked(
                person_id=each.person_id,
                worker=worker_named(subjects.get(each.person_id)),
                simulated=each.simulated,
                excluded=each.excluded,
                skipped=each.skipped,
                signs=signs_of(work_in(connection, study_id, each.person_id)),
            )
            for each in work.workers(connection, study_id)
        ]
    judged = [each for each in found if each.signs.done or each.skipped]
    return CareView(people=sorted(judged, key=lambda each: -len(each.signs.doubts)))


@router.patch("/{study_id}/care/{person_id}")
def leave_out(
    study_id: UUID, person_id: UUID, wanted: LeaveOut, store: TheStore, who: Who
) -> dict[str, bool]:
    """Leave all that somebody does out of exports and training, or take it in again. Nothing is deleted."""
    with store.writing() as connection:
        studies.get(connection, study_id)
        if not work.has_worked(connection, study_id, person_id):
            raise UnknownReference("nobody of this id has judged anything in this study")
        people.set_excluded(connection, person_id, wanted.excluded)
        note(
            connection, who, AuditKind.STUDY,
            study=str(study_id), person=str(person_id), excluded=wanted.excluded,
        )  # fmt: skip
    return {"excluded": wanted.excluded}
