"""The part of a plan's form that says what people are asked: formats, each with its sentence; aspects; reasons.

Layout only; `static/studies/asking.js` fills it and reads it.
"""

from html import escape

from app.store import Aspect, Plan
from rlhb_core.schema.formats import FORMATS, Axis, Format

LABELS = {
    Format.BEST: "Best answer",
    Format.STRENGTH: "How much better",
    Format.RANKING: "Ranking",
    Format.RATINGS: "Ratings",
    Format.BINARY: "Good or bad",
    Format.CRITIQUE: "In words",
    Format.PASSAGES: "Marked passages",
    Format.EDIT: "Rewritten answers",
}
AXES = {Axis.RELATIVE: "One against the others", Axis.ABSOLUTE: "Each answer alone"}


_BOTH = (
    "Where a ranking is asked too, it takes the place of the vote and of how much better an answer is: that is kept, "
    "but trains nothing. Leave one of the two out, unless you want to look at both."
)


def asking() -> str:
    """The fields `formats`, `aspects` and `reasons`, below buttons that choose what is usual."""
    axes = "".join(_axis(axis, title) for axis, title in AXES.items())
    weight = escape(Aspect.model_fields["weight"].description or "")
    return f"""
<fieldset class="asking"><legend>What people are asked</legend>
  <div class="line" role="group" aria-label="What is usual" data-usual></div>
  <div class="setting" data-field="formats" role="group" aria-label="Formats">{axes}
    <p class="hint" role="status" data-both hidden>{_BOTH}</p>
    <p class="wrong" role="alert"></p></div>
  <div class="setting" data-field="aspects"><b>Aspects</b><p class="hint">{_says("aspects")} The weight: {weight}</p>
    <div data-aspects></div>
    <div class="line"><button type="button" class="button" data-add-aspect>Add an aspect</button></div>
    <p class="wrong" role="alert"></p></div>
  <div class="setting" data-field="reasons"><label for="plan-reasons">Reasons</label>
    <input class="field" id="plan-reasons" data-reasons dir="auto" autocomplete="off" aria-describedby="about-reasons"
      placeholder="wrong, incomplete, rude">
    <p class="hint" id="about-reasons">{_says("reasons")} With commas between them.</p>
    <p class="wrong" role="alert"></p></div>
</fieldset>"""


def _axis(axis: Axis, title: str) -> str:
    ticks = "".join(
        f'<div class="tick"><input type="checkbox" id="ask-{each}" value="{each}" aria-describedby="about-ask-{each}">'
        f'<label for="ask-{each}">{LABELS[each]}</label>'
        f'<p class="hint" id="about-ask-{each}">{escape(known.says)}</p></div>'
        for each, known in FORMATS.items()
        if known.axis is axis
    )
    return f'<div class="axis"><b>{title}</b>{ticks}</div>'


def _says(field: str) -> str:
    return escape(Plan.model_fields[field].description or "")
