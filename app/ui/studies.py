"""The pages of studies: all of them, and one as whoever leads it sees it. Layout only; `static/studies/` fills them.

The form of the plan is made from the plan itself: each field has its sentence beside it.
"""

from collections.abc import Iterator
from enum import StrEnum
from html import escape
from typing import get_args
from uuid import UUID

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

from app.people import Principal
from app.store import FREE, Plan, Role
from app.ui.plain import plain_page
from app.ui.study_asking import asking


class Kind(StrEnum):
    """How a field of the plan is filled in."""

    TEXT = "text"
    NUMBER = "number"
    PERCENT = "percent"
    DAY = "day"
    CHOICE = "choice"
    TICK = "tick"
    VERSIONS = "versions"
    LIST = "list"
    NAMES = "names"


FIELDS: tuple[tuple[str, str, Kind], ...] = (
    ("about", "What it is for", Kind.TEXT),
    ("arms", "Who answers", Kind.VERSIONS),
    ("beside_prepared", "Beside answers that came along", Kind.TICK),
    ("side_by_side", "Answers side by side", Kind.NUMBER),
    ("pairs", "Which versions", Kind.CHOICE),
    ("answers", "Same answers for all", Kind.CHOICE),
    ("audience", "Open to", Kind.CHOICE),
    ("people", "Their names", Kind.NAMES),
    ("groups", "Their groups", Kind.LIST),
    ("overlap", "People per item", Kind.NUMBER),
    ("most_per_person", "Items per person", Kind.NUMBER),
    ("order", "Order", Kind.CHOICE),
    ("repeats", "Repeats, in percent", Kind.PERCENT),
    ("gold", "Best answer known, in percent", Kind.PERCENT),
    ("reveal", "Names after the vote", Kind.TICK),
    ("hold_minutes", "Minutes per item", Kind.NUMBER),
    ("ends_ms", "Ends", Kind.DAY),
    ("completion_code", "Completion code", Kind.TEXT),
)
"""What can be planned on the page, with its label; the rest over the API."""


def add_study_pages(app: FastAPI) -> None:
    """Serve them."""

    def every(request: Request) -> HTMLResponse:
        who: Principal = request.state.principal
        leads = _MAKE + _FREE if who.may(Role.RESEARCHER) else ""
        return plain_page(
            "Studies",
            _EVERY.format(make=leads),
            who,
            active="studies",
            script="studies/every",
            styles=_STYLES,
        )

    def one(request: Request, study_id: str) -> HTMLResponse:
        who: Principal = request.state.principal
        if not _is_id(study_id):
            return plain_page("Study", _NONE, who, active="studies", styles=_STYLES, status=404)
        body = _ONE.format(id=study_id, asking=asking(), plan="".join(_fields()))
        return plain_page(
            "Study", body, who, active="studies", script="studies/lead", styles=_STYLES
        )

    app.add_api_route("/studies", every, include_in_schema=False)
    app.add_api_route("/studies/{study_id}", one, include_in_schema=False)


_STYLES = ("people", "studies")

_NONE = """
<h1>There is no such study</h1>
<p>Whoever sent you here can give you the right link. Or choose one of the studies that are open to you.</p>
<p><a class="button" href="/studies">All studies</a></p>
"""


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _fields() -> Iterator[str]:
    for name, label, kind in FIELDS:
        says = escape(Plan.model_fields[name].description or "")
        yield (
            f'<div class="setting" data-kind="{kind}" data-field="{name}"><label for="plan-{name}">{label}</label>'
            f'{_input(name, kind)}<p class="hint" id="about-{name}">{says}</p><p class="wrong" role="alert"></p></div>'
        )


def _input(name: str, kind: Kind) -> str:
    known = f'id="plan-{name}" name="{name}" aria-describedby="about-{name}"'
    match kind:
        case Kind.TEXT:
            return f'<input class="field" {known} dir="auto" maxlength="{_longest(name)}" autocomplete="off">'
        case Kind.NUMBER | Kind.PERCENT:
            least, most = _bounds(name)
            times = 100 if kind is Kind.PERCENT else 1
            largest = "" if most is None else f' max="{most * times:g}"'
            kind_of = Plan.model_fields[name].annotation
            whole = kind_of is int or int in get_args(kind_of)
            step = "1" if whole else "any"
            needed = "" if Plan.model_fields[name].default is None else " required"
            return f'<input class="field" type="number" {known} min="{least * times:g}"{largest} step="{step}"{needed}>'
        case Kind.LIST | Kind.NAMES:
            return f'<input class="field" {known} dir="auto" maxlength="40000" autocomplete="off">'
        case Kind.DAY:
            return f'<input class="field" type="date" {known}>'
        case Kind.CHOICE:
            kinds = Plan.model_fields[name].annotation
            assert isinstance(kinds, type)
            assert issubclass(kinds, StrEnum)
            options = "".join(f'<option value="{each}">{each}</option>' for each in kinds)
            return f'<select class="field" {known}>{options}</select>'
        case Kind.TICK:
            return f'<input type="checkbox" {known}>'
        case Kind.VERSIONS:
            return f'<div class="ticks" role="group" {known.replace(f" name={name!r}", "")} data-versions></div>'


def _bounds(name: str) -> tuple[float, float | None]:
    """The least and the largest value of a number, as the plan says it."""
    found: dict[str, float] = {}
    field = Plan.model_fields[name]
    parts = [
        *field.metadata,
        *(meta for arg in get_args(field.annotation) for meta in getattr(arg, "__metadata__", ())),
    ]
    for each in parts:
        for bound in ("ge", "le"):
            if (value := getattr(each, bound, None)) is not None:
                found[bound] = value
    return found.get("ge", 0), found.get("le")


def _longest(name: str) -> int:
    lengths = [getattr(each, "max_length", None) for each in Plan.model_fields[name].metadata]
    return next(int(length) for length in lengths if length)


_FREE = f"""
<section class="panel whole" aria-labelledby="of-free"><h2 id="of-free">Free questions</h2>
  <p>{Plan.model_fields["threads"].description}</p>
  <form class="line" method="post" data-free="{FREE}">
    <label>A further one goes on with <select class="field" name="threads">
      <option value="chosen">the answer that was chosen</option>
      <option value="own">its own answers, each version</option></select></label>
    <button class="button">Save it</button></form>
  <div class="said" role="status"></div></section>
"""
_EVERY = """
<h1>Studies</h1>
<p class="lead">Something to work through: one item after the other, the next one ready when you are.</p>
<div class="panels">
  <section class="panel whole" aria-labelledby="of-offers"><h2 id="of-offers">For you</h2>
    <div data-offers></div><div class="said" role="status"></div></section>
  {make}
</div>
"""
_MAKE = """
<section class="panel whole" aria-labelledby="of-making"><h2 id="of-making">Make a study</h2>
  <p>It begins when you open it. Until then nobody but those who lead studies sees it.</p>
  <form class="line" method="post" data-make>
    <label>Its name <input class="field" name="name" dir="auto" required maxlength="80" autocomplete="off"></label>
    <button class="button primary">Make it</button></form>
  <div class="said" role="status"></div></section>
"""
_ONE = """
<p class="back"><a class="link" href="/studies">All studies</a></p>
<h1 data-name dir="auto">Study</h1>
<p class="lead" data-about dir="auto"></p>
<div class="panels" data-study="{id}">
  <section class="panel whole" aria-labelledby="of-state"><h2 id="of-state">How it stands</h2>
    <p data-state></p><div class="progress" data-progress></div>
    <div class="line" data-states></div><div class="said" role="status"></div></section>
  <section class="panel whole" aria-labelledby="of-items"><h2 id="of-items">Items</h2>
    <p>Questions, one per line of a .txt file, row of a .csv file or line of a .jsonl file; answers may come along.
      The same question twice is one item.</p>
    <form class="line" method="post" data-bring>
      <label>A file <input class="field" type="file" name="file" accept=".txt,.csv,.jsonl" required></label>
      <button class="button">Bring it in</button></form>
    <form class="line" method="post" data-take>
      <label>Or the newest questions asked here, at most
        <input class="field" type="number" name="most" min="1" max="10000" value="200" required></label>
      <button class="button">Take them in</button></form>
    <div class="said" role="status"></div>
    <div data-items></div>
    <p class="more"><button type="button" class="button" data-further hidden>Show all</button></p></section>
  <section class="panel whole" aria-labelledby="of-links" data-links hidden><h2 id="of-links">Workers of a platform</h2>
    <p>Give this link to the platform; it puts the ID of whoever comes at the end. Each ID is one worker, with an
      account for this study alone. What they have done is under their ID in <i>How people worked</i>, and the
      completion code is shown to them at the end.</p>
    <div data-link></div>
    <form class="stack wide" method="post" data-for-workers>
      <label>Or a link for each of these IDs alone, one in a line
        <textarea class="field" name="workers" rows="3" required autocomplete="off"
          spellcheck="false"></textarea></label>
      <div class="line"><button class="button">Make their links</button>
        <button type="button" class="button danger" data-new-links>Make all links so far void</button></div></form>
    <div data-made></div>
    <div class="said" role="status"></div></section>
  <section class="panel whole" aria-labelledby="of-work"><h2 id="of-work">How people worked</h2>
    <p>Signs that somebody may not have read, for you to look at: none is a proof, and nobody is left out by them.
      Sides are shuffled, so who reads chooses each equally often. The numbers in brackets hold the true share in 95 of
      100 cases. However much one person does, in training they weigh at most <i>data.person_share</i>.</p>
    <div data-care></div>
    <div class="line"><button type="button" class="button" data-look-again>Look again</button></div>
    <div class="said" role="status"></div></section>
  <section class="panel whole" aria-labelledby="of-guidelines"><h2 id="of-guidelines">Guidelines</h2>
    <p data-version></p>
    <form class="stack wide" method="post" data-guidelines>
      <label>What people should know before they judge, in Markdown
        <textarea class="field" name="guidelines" dir="auto" rows="8" maxlength="20000"></textarea></label>
      <div class="line"><button class="button">Save as the next version</button></div></form>
    <div class="said" role="status"></div>
    <div class="prose" role="region" data-shown aria-label="As people see them"></div></section>
  <section class="panel whole" aria-labelledby="of-plan"><h2 id="of-plan">Plan</h2>
    <p>Can be changed at any time; what is done stays as it was done. Each item is a question by itself: what a further
      question goes on with is chosen for free questions only, on the page of all studies.</p>
    <form method="post" data-plan><label class="setting">Name
        <input class="field" name="name" dir="auto" required maxlength="80" autocomplete="off"></label>
      {asking}
      <div class="settings">{plan}</div>
      <div class="line"><button class="button primary">Save the plan</button></div></form>
    <div class="said" role="status"></div></section>
</div>
"""
