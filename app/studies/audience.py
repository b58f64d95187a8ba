"""To whom a study is open. Does not know how far anybody is with it."""

from app.people import Principal, name_key
from app.store import Audience, Role, Study
from app.studies.errors import NotInvited


def is_open_to(study: Study, who: Principal) -> bool:
    """Whether somebody may work through it; whoever makes studies may try each of them."""
    if who.may(Role.RESEARCHER):
        return True
    plan = study.plan
    if plan.audience is Audience.WORKERS:
        return who.study_id == study.id
    if not who.may(Role.ANNOTATOR):
        return False
    if plan.audience is Audience.NAMED:
        return who.account_id in plan.people
    if plan.audience is Audience.GROUPS:
        return not who.groups.isdisjoint(map(name_key, plan.groups))
    return plan.audience is Audience.EVERYONE


def check(study: Study, who: Principal) -> None:
    """Raise NotInvited unless it is open to whoever asks."""
    if not is_open_to(study, who):
        raise NotInvited("this study is not open to you; whoever leads it can name you")
