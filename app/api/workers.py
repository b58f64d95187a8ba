"""How workers of a platform outside come to a study: the links that whoever leads it gives out, and the way in by them.

Only where there are accounts: each worker has one of their own.
"""

from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from app.api.deps import TheEntering, ThePeople, TheStore, Who
from app.api.sessions import SignedIn, signed_in
from app.people import LONGEST_WORKER, WHOEVER, WorkLink, key_of_work, note_alone
from app.store import Audience, AuditKind, Store, Study, UnknownReference, studies
from app.studies import check_open
from rlhb_core.errors import BadRecord
from rlhb_core.schema.record import now_ms

router = APIRouter(prefix="/api", tags=["studies"])

Worker = Annotated[str, Field(min_length=1, max_length=LONGEST_WORKER, pattern=r"^[!-~]+$")]
"""By what a platform knows a worker: letters, digits and signs, no spaces."""


class ForWhom(BaseModel):
    """To whom links are given."""

    model_config = ConfigDict(extra="forbid")

    workers: list[Worker] = Field(
        default=[], max_length=1_000, description="None: one link for whoever comes with a name."
    )


class LinkView(BaseModel):
    """A link of a study, from the first / on."""

    worker: str = Field(
        description="Empty: for whoever comes; the platform adds the name at its end."
    )
    path: str


class TakingPart(BaseModel):
    """What a link says."""

    model_config = ConfigDict(extra="forbid")

    study: UUID
    worker: Worker
    key: str = Field(min_length=1, max_length=200)


@router.post("/studies/{study_id}/links")
def links(
    study_id: UUID, wanted: ForWhom, store: TheStore, people: ThePeople, who: Who
) -> list[LinkView]:
    """Links by which workers come: one for each of these, or one that is good for all."""
    study = _of_workers(store, study_id)
    note_alone(store, who, AuditKind.STUDY, study=str(study_id), changed=["links"])
    return [
        LinkView(worker=each, path=_path(people.secret, study, each))
        for each in wanted.workers or [""]
    ]


@router.post("/work", status_code=201)
async def take_part(
    body: TakingPart,
    request: Request,
    response: Response,
    store: TheStore,
    people: ThePeople,
    entering: TheEntering,
) -> SignedIn:
    """Come by a study's link, as the worker that it names; the same name is the same worker again."""
    study = await run_in_threadpool(_of_workers, store, body.study)
    check_open(study, now_ms())
    link = WorkLink(body.key, body.worker)
    visitor = people.visitor(request.scope)
    entered = await entering.as_worker(visitor, study.id, study.plan.link_number, link)
    return signed_in(response, people, entered)


def _of_workers(store: Store, study_id: UUID) -> Study:
    with store.reading() as connection:
        study = studies.find(connection, study_id)
    if study is None:
        raise UnknownReference("this link leads to no study; it may have been removed")
    if study.plan.audience is not Audience.WORKERS:
        raise BadRecord("this study is not open to workers: its plan says whom it is open to")
    return study


def _path(secret: str, study: Study, worker: str) -> str:
    key = key_of_work(secret, study.id, study.plan.link_number, worker or WHOEVER)
    return f"/work?{urlencode({'study': study.id, 'key': key, 'worker': worker})}"
