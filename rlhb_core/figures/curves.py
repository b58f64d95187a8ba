"""The curves of a run: metric rows -> plotly figures, and the same figures as a static page or as pictures.

Pure functions over rows of `metrics.jsonl`; every curve is a metric of `metrics.METRICS` and carries its sentence.
Colours live in the two templates, so one figure serves light and dark. Knows no web page (`page.py` writes the
static one) and does not judge a run (`verdict/`).
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from textwrap import wrap
from typing import Any, Literal

import plotly.graph_objects as go

from rlhb_core.run.metrics import METRICS, RowView
from rlhb_core.run.plots import Plot, all_plots
from rlhb_core.teachers import stage_label

Theme = Literal["light", "dark"]

STOP_FROM = 0.25
"""Share of the bound on KL from which on it is drawn; further below, the line would only flatten the curve."""

MAX_POINTS = 1200
"""Points per curve: more cannot be told apart on a screen, and a page that is watched stays light."""


ICONS_PX = 22
"""Height of the row for plotly's icons, above the legend."""


@dataclass(frozen=True)
class Figure:
    """A drawn plot with its words."""

    name: str
    title: str
    sentence: str
    wide: bool
    figure: go.Figure
    counted: str = "step"
    """What its x axis counts, written below it where the picture stands alone."""


def figures(rows: Sequence[RowView], kl_stop: float = math.inf) -> list[Figure]:
    """The figures for these rows of one run, without colours (`template`) and without titles (`titled`).

    `kl_stop`: the KL at which the run is stopped.
    """
    return [
        Figure(
            plot.name, plot.title, _sentence(plot, kl_stop), plot.wide, _draw(plot, rows, kl_stop)
        )
        for plot in _with_a_wide_one([plot for plot in all_plots() if _says_something(plot, rows)])
    ]


def _says_something(plot: Plot, rows: Sequence[RowView]) -> bool:
    values = [value for metric in plot.curves for _, value in points_of(rows, metric)]
    return bool(values) and max(map(abs, values)) >= plot.least


def _with_a_wide_one(drawn: list[Plot]) -> list[Plot]:
    """Arms without a discriminator have another first thing to look at."""
    if drawn and not any(plot.wide for plot in drawn):
        drawn[0] = replace(drawn[0], wide=True)
    return drawn


def plain(figure: go.Figure) -> dict[str, Any]:
    """The figure as JSON values: lists and numbers, no colours of plotly's own."""
    found: dict[str, Any] = json.loads(figure.to_json(validate=False))
    found["layout"].pop("template", None)
    return found


def _sentence(plot: Plot, kl_stop: float) -> str:
    said = plot.sentence or METRICS[next(iter(plot.curves))].sentence
    return f"{said} The run stops at {kl_stop:g}." if plot.stop and math.isfinite(kl_stop) else said


def _axis(plot: Plot) -> str:
    return plot.axis or METRICS[next(iter(plot.curves))].unit


def _draw(plot: Plot, rows: Sequence[RowView], kl_stop: float) -> go.Figure:
    figure = go.Figure()
    for metric, label in plot.curves.items():
        points = thin(points_of(rows, metric))
        if not points:
            continue
        figure.add_scatter(
            x=[x for x, _ in points],
            y=[y for _, y in points],
            name=label,
            mode="lines" if len(points) > 1 else "markers",
            hovertemplate=f"{label} %{{y:.4~g}}<extra>step %{{x}}</extra>",
        )
    if plot.chance is not None:
        _mark_chance(figure, plot.chance, plot.band)
    if plot.stop and any(max(line.y) > STOP_FROM * kl_stop for line in figure.data):
        figure.add_hline(y=kl_stop, line={"dash": "4px,5px", "width": 1}, annotation_text="stop")
    # a stage without a point, such as a long warm-up, would only push the curves to the edge
    drawn = [row for row in rows if any(metric in row for metric in plot.curves)]
    _mark_stages(figure, stages(drawn), names=plot.wide)
    legend = len(figure.data) > 1
    figure.update_layout(
        showlegend=legend,
        legend={"y": 1.07 if plot.wide else 1.01},  # above the names of the stages
        margin={"t": 12 + (26 + ICONS_PX) * legend + 20 * plot.wide},
    )
    figure.update_xaxes(title={"text": "step", "standoff": 4})
    figure.update_yaxes(title={"text": _axis(plot), "standoff": 6})
    if plot.span:
        low, high = plot.span
        room = 0.02 * (high - low)
        figure.update_yaxes(range=[low - room, high + room])
    return figure


def points_of(rows: Sequence[RowView], metric: str) -> list[tuple[int, float]]:
    """(iteration, value) of every row that has the metric as a finite number."""
    return [
        (int(row["iteration"]), float(value))
        for row in rows
        if (value := row.get(metric)) is not None and math.isfinite(value)
    ]


def thin(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """At most MAX_POINTS points: of every stretch the lowest and the highest, so that no spike is lost."""
    if len(points) <= MAX_POINTS:
        return points
    stretches = MAX_POINTS // 2
    kept: list[tuple[int, float]] = []
    for i in range(stretches):
        stretch = points[i * len(points) // stretches : (i + 1) * len(points) // stretches]
        ends = {min(stretch, key=lambda p: p[1]), max(stretch, key=lambda p: p[1])}
        kept.extend(sorted(ends))
    return kept


def stages(rows: Sequence[RowView]) -> list[tuple[str, int, int]]:
    """(stage, first step, last step) in the order in which they were trained."""
    found: list[tuple[str, int, int]] = []
    for row in rows:
        stage, step = str(row.get("stage", "")), int(row["iteration"])
        if found and found[-1][0] == stage:
            found[-1] = (stage, found[-1][1], step)
        else:
            found.append((stage, step, step))
    return found


def _mark_chance(figure: go.Figure, chance: float, band: float | None) -> None:
    if band is not None:
        figure.add_hrect(
            y0=chance - band,
            y1=chance + band,
            fillcolor="rgba(45,140,138,0.13)",
            line_width=0,
            layer="below",
        )
    figure.add_hline(y=chance, line={"dash": "4px,5px", "width": 1}, layer="below")


def _mark_stages(figure: go.Figure, found: list[tuple[str, int, int]], names: bool) -> None:
    """A thin line where a stage begins, its name beside it if there is room; nothing if there is only one."""
    if len(found) < 2:
        return
    for index, (stage, first, _) in enumerate(found):
        if index:
            figure.add_vline(x=first, line={"width": 1, "dash": "1px,3px"}, layer="below")
        if not names:
            continue
        figure.add_annotation(
            x=first,
            y=1,
            yref="paper",
            text=stage_label(stage),
            showarrow=False,
            xanchor="left",
            yanchor="bottom",
            xshift=3,
        )


# --- colours ---------------------------------------------------------------------------------------

_FONT = 'Inter, ui-sans-serif, system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'

_INK: dict[Theme, dict[str, str]] = {
    "light": {
        "ink": "#16181d",
        "ink-2": "#565b66",
        "ink-3": "#8b909c",
        "line": "#ece9e3",
        "card": "#ffffff",
        "accent": "#0b6e6e",
    },
    "dark": {
        "ink": "#eceae5",
        "ink-2": "#a9adb6",
        "ink-3": "#868b96",
        "line": "#2b2f36",
        "card": "#1b1e23",
        "accent": "#4cb8b2",
    },
}


def template(theme: Theme) -> go.layout.Template:
    """The quiet look of all figures: one accent, hairline grid, no frame."""
    ink = _INK[theme]
    axis = {
        "gridcolor": ink["line"],
        "linecolor": ink["line"],
        "zeroline": False,
        "tickfont": {"color": ink["ink-2"], "size": 12},
        "title": {"font": {"color": ink["ink-2"], "size": 12}},
        "automargin": True,
    }
    return go.layout.Template(
        layout={
            "font": {"family": _FONT, "size": 12.5, "color": ink["ink-2"]},
            "title": {
                "font": {"color": ink["ink"], "size": 16, "weight": 600},
                "x": 0,
                "xref": "paper",
            },
            "colorway": [ink["accent"], ink["ink-3"], "#c9741b", "#6a55c9"],
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "margin": {"l": 8, "r": 14, "t": 26, "b": 8},
            "xaxis": {**axis, "showgrid": False, "ticks": "", "nticks": 8},
            "yaxis": {**axis, "ticks": "", "nticks": 6, "exponentformat": "power"},
            "hovermode": "x unified",
            "hoverlabel": {
                "bgcolor": ink["card"],
                "bordercolor": ink["line"],
                "font": {"family": _FONT, "color": ink["ink"]},
            },
            "legend": {"orientation": "h", "x": 0, "xanchor": "left", "yanchor": "bottom"},
            "shapedefaults": {"line": {"color": ink["ink-3"]}},
            "annotationdefaults": {"font": {"color": ink["ink-3"], "size": 11.5}},
            "modebar": {
                "color": ink["ink-3"],
                "activecolor": ink["accent"],
                "bgcolor": "rgba(0,0,0,0)",
            },
        },
        # a third and a fourth curve are the first two again, as they were before something was done to them
        data={
            "scatter": [
                *[{"line": {"width": 2}, "marker": {"size": 6}}] * 2,
                {"line": {"width": 1, "dash": "dot", "color": ink["accent"]}},
                {"line": {"width": 1, "dash": "dot", "color": ink["ink-3"]}},
            ]
        },
    )


def titled(figure: Figure, theme: Theme = "light") -> go.Figure:
    """The figure in its colours, with its title and its sentence as the subtitle: for a picture that stands alone."""
    drawn = go.Figure(figure.figure)
    lines = wrap(figure.sentence, 110)
    drawn.update_layout(
        template=template(theme),
        paper_bgcolor=_INK[theme]["card"],
        title={"text": figure.title, "subtitle": {"text": "<br>".join(lines)}},
        # a wide one has its legend higher, above the names of the stages
        margin={"l": 64, "r": 28, "t": 100 + 22 * len(lines) + 24 * figure.wide, "b": 60},
    )
    if figure.counted:
        drawn.update_xaxes(title={"text": figure.counted, "standoff": 10})
    return drawn
