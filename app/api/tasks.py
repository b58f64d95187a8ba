"""/api/studies, for whoever works through them: which are open to me, what I am to do next, by which guidelines."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from app.api.deps import TheStore, TheStudies, Who
from app.api.shares import OwnShare, mine, own_share
from app.comparing import ComparisonView
from app.people import Principal
from app.rendering import text_of_operator
from app.store import (
    FREE,
    Connection,
    Progress,
    Role,
    Store,
    Study,
    StudyStatus,
    UnknownReference,
    studies,
)
from app.studies import check_audience, has_finished, is_open_to
from rlhb_core.schema.formats import Format
from rlhb_core.schema.record import Record, now_ms

router = APIRouter(prefix="/api/studies", tags=["studies"])


class Offer(BaseModel):
    """A study as it is offered to whoever may work through it."""

    id: UUID
    name: str
    about: str
    status: StudyStatus
    formats: list[Format]
    share: OwnShare


class GuidelinesView(BaseModel):
    """The guidelines of a study."""

    number: int = Field(description="Their version; 0: there are none.")
    html: str


class TaskView(Record):
    """What I am to do next."""

    study_id: UUID
    name: str
    formats: list[Format]
    query_id: UUID | None = Field(description="null: nothing for me now.")
    view: ComparisonView | None
    done: int
    skipped: int
    mine: int = Field(
        description="How many there are for me at most; once I have finished, how many there were."
    )
    guidelines: int = Field(description="Version of the guidelines that hold; 0: there are none.")
    knows_guidelines: bool = Field(
        description="Whether I have ended an item by them, so that I need not be shown them first."
    )
    is_last: bool = Field(description="Whether nothing waits for me behind this one.")
    finished: bool = Field(description="Whether I have done all that there was for me.")
    completion_code: str = Field(default="", description="Once I have.")


@router.get("")
def index(store: TheStore, who: Who) -> list[Offer]:
    """The studies that are open to me; researchers see all of them."""
    with store.reading() as connection:
        return [
            Offer(
                id=each.id,
                name=each.name,
                about=each.plan.about,
                status=each.status,
                formats=each.plan.formats,
                share=_share(connection, each, who.person_id),
            )
            for each in studies.all(connection)
            if each.id != FREE and is_open_to(each, who) and _is_seen(each, who)
        ]


@router.post("/{study_id}/next")
async def go_on(study_id: UUID, part: TheStudies, store: TheStore, who: Who) -> TaskView:
    """What I am to do now: the same until it is ended, then the next one."""
    person_id = who.recorded()
    await run_in_threadpool(_check, store, study_id, who)
    task = await part.next(study_id, person_id)
    view = await part.view(task, person_id)
    plan, progress = task.study.plan, task.progress
    return TaskView(
        study_id=study_id,
        name=task.study.name,
        formats=plan.formats,
        query_id=task.query_id,
        view=view,
        done=progress.done,
        skipped=progress.skipped,
        mine=progress.done + progress.skipped if task.is_over else mine(task.study, progress),
        guidelines=task.study.guidelines,
        knows_guidelines=task.knows_guidelines,
        is_last=task.is_last,
        finished=task.is_over,
        completion_code=plan.completion_code if task.is_over and _is_earned(progress) else "",
    )


@router.get("/{study_id}/guidelines")
def show_guidelines(
    study_id: UUID,
    store: TheStore,
    who: Who,
    number: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> GuidelinesView:
    """The guidelines; `number`: an earlier version of them."""
    with store.reading() as connection:
        study = studies.get(connection, study_id)
        if study_id != FREE:
            check_audience(study, who)
            if not _is_seen(study, who):
                raise UnknownReference("there is no such study")
        found = studies.guidelines(connection, study_id, number or study.guidelines)
    if found is None and number is not None:
        raise UnknownReference("there is no such version of the guidelines")
    return GuidelinesView(
        number=found.number if found else 0, html=text_of_operator(found.text) if found else ""
    )


def _share(connection: Connection, study: Study, person_id: UUID) -> OwnShare:
    """How far somebody is. Who has begun and is given no more has all behind them that there was for them."""
    found = own_share(connection, study, person_id)
    behind = found.done + found.skipped
    if behind and has_finished(connection, study, person_id, now_ms()):
        return found.model_copy(update={"mine": behind})
    return found


def _is_earned(progress: Progress) -> bool:
    """Whether somebody has worked for it: at least one item, and not rather passed over what they were given."""
    return progress.done > 0 and progress.done >= progress.skipped


def _check(store: Store, study_id: UUID, who: Principal) -> None:
    with store.reading() as connection:
        check_audience(studies.get(connection, study_id), who)


def _is_seen(study: Study, who: Principal) -> bool:
    """Whoever only works through studies sees those that have begun."""
    return study.status is not StudyStatus.DRAFT or who.may(Role.RESEARCHER)
