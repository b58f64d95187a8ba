"""How far a study is, and one person in it, as it is told. Knows no route."""

from uuid import UUID

from pydantic import BaseModel, Field

from app.store import Connection, Progress, Study, assignments


class Share(BaseModel):
    """How far a study is, and whoever asks in it."""

    items: int = Field(description="Items that are handed out.")
    answers: int = Field(description="Answers that count.")
    target: int = Field(description="How many there are to be.")
    done: int = Field(description="What I have done.")
    skipped: int = Field(description="What I have skipped.")
    mine: int = Field(description="How many there are for me at most.")


class OwnShare(BaseModel):
    """How far whoever asks is. What becomes of answers is not told: it would tell why an item is given."""

    done: int = Field(description="What I have done.")
    skipped: int = Field(description="What I have skipped.")
    mine: int = Field(description="How many there are for me at most.")


def own_share(connection: Connection, study: Study, person_id: UUID) -> OwnShare:
    """How far somebody is in a study."""
    found = share(connection, study, person_id)
    return OwnShare(done=found.done, skipped=found.skipped, mine=found.mine)


def share(connection: Connection, study: Study, person_id: UUID | None = None) -> Share:
    """How far a study is; `person_id`: whose own part is told with it."""
    progress = assignments.progress(connection, study, person_id)
    return Share(**progress._asdict(), mine=mine(study, progress))


def mine(study: Study, progress: Progress) -> int:
    """How many items one person is given at most, with those that come again and those whose best answer is known."""
    plan = study.plan
    most = round(progress.items / (1 - plan.repeats - plan.gold))
    return most if plan.most_per_person is None else min(most, plan.most_per_person)
