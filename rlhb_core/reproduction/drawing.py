"""What the pictures of the reproduction have in common: colours, names, bands over seeds, means with intervals.

Lines are means over seeds and bands reach from the lowest seed to the highest; points are means with 95 % intervals.
Knows no picture (`pictures.py`).
"""

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

import plotly.graph_objects as go

from rlhb_core.figures.curves import Figure
from rlhb_core.reproduction.records import SeedRecord
from rlhb_core.reproduction.results import interval
from rlhb_core.schema.arms import Arm

TEAL, ORANGE, VIOLET, ROSE, GREY = "#2c8c8a", "#c9741b", "#6a55c9", "#b8476f", "#8b909c"
COLOURS = {
    "sft": GREY,
    "rlhf": ORANGE,
    "rlhbc": VIOLET,
    "rlhb": TEAL,
    "rlhf_rlhb": ROSE,
    "rlhf_rlhbc": "#4f7fc0",
}
"""One colour an arm in every picture; readable on light and dark paper."""


def label(name: str) -> str:
    """A policy's name as people read it."""
    if name == "warm-up":
        return "warm-up alone"
    policy, by, run = name.partition(" by ")
    scorers = {"rlhf": "reward model", "rlhbc": "classifier", "rlhb": "discriminator"}
    if by:
        return f"{policy} by {scorers.get(run, label(run))}"
    return Arm(name).label


def said(sentence: str, seeds: Sequence[SeedRecord]) -> str:
    """The sentence of a picture, and on what it stands."""
    count = "one seed" if len(seeds) == 1 else f"{len(seeds)} seeds"
    return f"{sentence} Simulated annotators, {count}."


def finished(
    name: str, title: str, sentence: str, figure: go.Figure, wide: bool = False, counted: str = ""
) -> Figure | None:
    """The picture in the look of all others; None if there is nothing on it."""
    if not figure.data:
        return None
    figure.update_layout(
        legend={"y": 1.01, "x": 1, "xanchor": "right", "traceorder": "normal"},
        margin={"t": 40},
        showlegend=len(figure.data) > 1,
    )
    return Figure(name, title, sentence, wide, figure, counted)


def name_every_one(update: Callable[..., Any], names: Sequence[str]) -> None:
    """Write every name at an axis of names, however many there are."""
    update(tickmode="array", tickvals=list(names), nticks=0)


def having(seeds: Sequence[SeedRecord], *runs: str) -> list[SeedRecord]:
    """The seeds that have all of these runs."""
    return [record for record in seeds if all(run in record["runs"] for run in runs)]


def band(
    figure: go.Figure,
    curves: Sequence[Sequence[Sequence[float]]],
    name: str,
    colour: str,
    dash: str = "solid",
) -> None:
    """Mean of the curves with a band from the lowest to the highest; steps that all of them have."""
    if not curves:
        return
    tables = [{int(step): value for step, value in curve} for curve in curves]
    steps = sorted(set.intersection(*(set(table) for table in tables)))
    found = [[table[step] for table in tables] for step in steps]
    if len(curves) > 1:
        figure.add_scatter(
            x=[*steps, *reversed(steps)],
            y=[*map(max, found), *reversed([min(column) for column in found])],
            fill="toself",
            fillcolor=_faint(colour),
            line={"width": 0},
            hoverinfo="skip",
            showlegend=False,
        )
    figure.add_scatter(
        x=steps,
        y=[fmean(column) for column in found],
        name=name,
        mode="lines",
        line={"color": colour, "dash": dash, "width": 2},
        hovertemplate=f"{name} %{{y:.4~g}}<extra>iteration %{{x}}</extra>",
    )


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.15)"


def points(
    figure: go.Figure,
    x: Sequence[str],
    columns: Sequence[Sequence[float]],
    name: str,
    colour: str,
    dash: str = "solid",
) -> None:
    """Means of the columns with 95 % intervals over seeds where there are several."""
    bounds = [interval(column) for column in columns]
    means = [fmean(column) for column in columns]
    spread = [bound[1] - mean if bound else 0.0 for bound, mean in zip(bounds, means, strict=True)]
    figure.add_scatter(
        x=list(x),
        y=means,
        error_y={"type": "data", "array": spread, "thickness": 1.2, "width": 4},
        name=name,
        mode="lines+markers",
        line={"color": colour, "dash": dash, "width": 2},
        hovertemplate=f"{name} %{{y:.3f}}<extra>%{{x}}</extra>",
    )


def columns(
    seeds: Sequence[SeedRecord], reads: Sequence[Callable[[SeedRecord], float]]
) -> list[list[float]]:
    """What is read of every seed, one column a read."""
    return [[read(record) for record in seeds] for read in reads]
