"""The Runs page: choose what to train on what, start it, follow it, and put what came of it into Compare.

The form is Gradio's and calls the same functions as the API; the lists under it are `static/runs.js`, which polls the
API. Holds layout and handlers, no rules of its own: what is enough data is `app.runs`.
"""

from collections.abc import Callable
from html import escape
from operator import attrgetter
from typing import Any

import gradio as gr
from fastapi import FastAPI

from app.people import note_alone
from app.runs import (
    Choice,
    Proposal,
    Training,
    of_a_stranger,
    parents_for,
    parse_overrides,
    parse_since,
    recipes_for,
    trainable,
)
from app.store import AuditKind, Store
from app.ui import crowd
from app.ui.shell import Page, entered, page
from rlhb_core.errors import RlhbError
from rlhb_core.run.config import describe_settings
from rlhb_core.run.recipe import load_recipe
from rlhb_core.schema.arms import ARMS, Arm
from rlhb_core.schema.records import Source

SOURCES = {
    Source.REAL: "real",
    Source.SIMULATED: "simulated",
    Source.IMPORTED: "imported",
}

MAIN_SETTINGS = (
    ("seed", "Seed"),
    ("ppo.iterations", "Iterations"),
    ("ppo.rollouts", "Rollouts"),
    ("ppo.learning_rate", "Learning rate"),
    ("ppo.kl", "KL weight"),
    ("warmup.steps", "Warm-up steps"),
)
"""Settings with a field of their own; any other one can be written as name = value."""

USUAL = "the usual one"


def build(app: FastAPI) -> Page:
    """The page's blocks."""
    training: Training = app.state.training
    store: Store = app.state.store
    with page(
        "Runs",
        "runs",
        lead="Retrain on what people did. A run is a process of its own: it goes on if you close this page.",
        styles=("runs",),
    ) as blocks:
        look_again = _form(blocks, training, store)
        look_again(crowd.panel(app))
        _filled_by_script("runs", "Training runs")
        _filled_by_script("versions", "Model versions")
    return blocks


def _form(blocks: Page, training: Training, store: Store) -> Callable[[gr.HTML], None]:
    """The form. Returns how to have the plan looked at again when a line elsewhere says that there is more data."""
    sentences = {row.name: row for row in describe_settings()}
    with gr.Column(elem_id="new-run"):
        arm = gr.Radio(
            [(f"{each.label} · {ARMS[each].sentence}", each.value) for each in trainable()],
            value=Arm.RLHF.value,
            label="What to train",
            elem_id="arm",
        )
        with gr.Row():
            sources = gr.CheckboxGroup(
                [(label, value.value) for value, label in SOURCES.items()],
                value=[Source.REAL.value],
                label="On which data",
                elem_id="sources",
                scale=2,
                min_width=340,
            )
            since = gr.Textbox(
                label="Since", placeholder="YYYY-MM-DD, or all", elem_id="since", max_lines=1
            )
            recipe = gr.Dropdown(recipes_for(Arm.RLHF), label="Recipe", elem_id="recipe")
            parent = gr.Dropdown([USUAL], value=USUAL, label="Start from", elem_id="parent")
        with gr.Accordion("Settings of the run", open=False, elem_id="settings"):
            gr.HTML("<p>Empty fields keep what the recipe says.</p>", apply_default_css=False)
            with gr.Row(elem_classes="main-settings"):
                fields = [
                    gr.Textbox(label=label, info=sentences[name].sentence)
                    for name, label in MAIN_SETTINGS
                ]
            others = gr.Textbox(
                label="Any other setting",
                info="One a line, such as evaluation.samples = 400.",
                lines=2,
            )
        with gr.Row(elem_classes="start-row"):
            sentence = gr.HTML("", elem_id="plan", apply_default_css=False)
            start = gr.Button(
                "Start", variant="primary", elem_id="start", scale=0, interactive=False
            )

    inputs: list[Any] = [arm, sources, since, recipe, parent, *fields, others]
    look = _looker(training)
    gr.on([blocks.load, *(each.change for each in inputs)], look, inputs, [sentence, start],
          show_progress="hidden", trigger_mode="always_last")  # fmt: skip
    # What is chosen while the answer for an earlier choice is under way counts, too.
    gr.on([blocks.load, arm.change], _offers(store), arm, [recipe, parent],
          show_progress="hidden", trigger_mode="always_last")  # fmt: skip
    gr.on([blocks.load, recipe.change], of_recipe, recipe, fields,
          show_progress="hidden", trigger_mode="always_last")  # fmt: skip
    start.click(_starter(training, store), inputs, sentence, show_progress="hidden").then(
        None, js="() => { dispatchEvent(new Event('rlhb:runs')); }"
    )

    def look_again(said: gr.HTML) -> None:
        said.change(_once_done(look), [said, *inputs], [sentence, start], show_progress="hidden")

    return look_again


def _filled_by_script(kind: str, label: str) -> None:
    gr.HTML(
        "",
        elem_id=f"{kind}-list",
        label=label,
        apply_default_css=False,
        js_on_load=f"import('/static/runs.js').then((module) => module.start('{kind}', element));",
    )


# --- handlers -----------------------------------------------------------------------------------------


def _choice(
    arm: str,
    sources: list[str],
    since: str | None,
    recipe: str | None,
    parent: str | None,
    *settings: str | None,
) -> Choice:
    """What the form says; Gradio says None for what nobody has touched. Raises RlhbError with a sentence."""
    *fields, others = [setting or "" for setting in settings]
    lines = [
        f"{name}={value}"
        for (name, _), value in zip(MAIN_SETTINGS, fields, strict=True)
        if value.strip()
    ]
    chosen = Choice(
        arm=Arm(arm),
        sources=frozenset(Source(each) for each in sources),
        since=parse_since(since or ""),
        recipe=recipe or "",
        parent="" if parent in (None, USUAL) else parent,
        overrides=parse_overrides([*lines, *others.splitlines()]),
    )
    return of_a_stranger(chosen)


def _looker(training: Training) -> Callable[..., tuple[str, Any]]:
    def look(request: gr.Request, *form: Any) -> tuple[str, Any]:
        """The proposal as a sentence; Start can be pressed if it is enough."""
        entered(request, "/runs", "look")
        try:
            proposal = _proposal(training, form)
        except RlhbError as error:
            return _said(str(error), "missing"), gr.update(interactive=False)
        tone = "enough" if proposal.enough else "missing"
        return _said(proposal.sentence, tone), gr.update(interactive=proposal.enough)

    return look


def _once_done(look: Callable[..., tuple[str, Any]]) -> Callable[..., Any]:
    def look_once_done(request: gr.Request, said: str, *form: Any) -> Any:
        """Look when something has come to its end, not at every line that tells how far it is."""
        entered(request, "/runs", "look_once_done")
        return (gr.skip(), gr.skip()) if "plan going" in (said or "") else look(request, *form)

    return look_once_done


def _proposal(training: Training, form: tuple[Any, ...]) -> Proposal:
    if not form[1]:
        raise RlhbError("Tick at least one kind of data.")
    return training.propose(_choice(*form))


def _starter(training: Training, store: Store) -> Callable[..., str]:
    def start(request: gr.Request, *form: Any) -> str:
        """Start the run and say so."""
        who = entered(request, "/runs", "start")
        try:
            run = training.start(_choice(*form))
            note_alone(store, who, AuditKind.RUN, started=str(run.id), arm=run.arm)
        except RlhbError as error:
            return _said(str(error), "missing")
        return _said(
            f"{run.arm.label} has begun on {run.data}. Follow it below, or on Curves.", "enough"
        )

    return start


def _offers(store: Store) -> Callable[[gr.Request, str], tuple[Any, Any]]:
    def offer(request: gr.Request, arm: str) -> tuple[Any, Any]:
        """The recipes and the versions that fit this arm."""
        entered(request, "/runs", "offer")
        with store.reading() as connection:
            parents = parents_for(connection, Arm(arm))
        names = recipes_for(Arm(arm))
        return (
            gr.update(choices=names, value=names[0] if names else None),
            gr.update(choices=[USUAL, *parents], value=USUAL),
        )

    return offer


def of_recipe(request: gr.Request, recipe: str | None) -> list[Any]:
    """What every field is left at while it is empty."""
    entered(request, "/runs", "of_recipe")
    if recipe is None:
        return [gr.skip()] * len(MAIN_SETTINGS)
    config = load_recipe(recipe, {"start": "chosen in the form"})
    return [
        gr.update(placeholder=f"{attrgetter(name)(config)}, as in the recipe")
        for name, _ in MAIN_SETTINGS
    ]


def _said(sentence: str, tone: str) -> str:
    return f'<p class="plan {tone}" role="status">{escape(sentence)}</p>'
