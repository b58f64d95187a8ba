"""What whoever sees a comparison is asked, as far as a page needs to know it. Knows neither answers nor signals."""

from pydantic import Field

from app.store import Plan
from rlhb_core.schema.formats import Format
from rlhb_core.schema.record import Record


class AskedAspect(Record):
    """One aspect that answers are to be rated on, from 1 to 5."""

    name: str
    anchors: tuple[str, ...] = Field(default=(), description="What 1 to 5 mean, if that is said.")


class Asks(Record):
    """What is asked: any formats at once, with what belongs to them."""

    formats: tuple[Format, ...] = Field(
        default=(Format.BEST,), description="In the order asked in."
    )
    aspects: tuple[AskedAspect, ...] = Field(default=(), description="Rated, if answers are.")
    reasons: tuple[str, ...] = Field(
        default=(), description="Words to choose from in a critique; none: the usual ones."
    )


BEST_ONLY = Asks()
"""What is asked where nothing else is said."""


def asked_by(plan: Plan) -> Asks:
    """What a study asks of people. Of what it does with that (weights, overlap ...) they are told nothing."""
    wanted = set(plan.formats)
    aspects = plan.aspects if Format.RATINGS in wanted else []
    return Asks(
        formats=tuple(each for each in Format if each in wanted),
        aspects=tuple(AskedAspect(name=each.name, anchors=tuple(each.anchors)) for each in aspects),
        reasons=tuple(plan.reasons),
    )
