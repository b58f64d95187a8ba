"""The figures of the results: from what was found to plotly figures with their sentences. Colours are those of all."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from app.results.acts import Acts
from app.results.agreeing import Agreement
from app.results.biases import Bias, Biases
from app.results.ranking import Ranking
from app.results.wanted import Control, Part
from rlhb_core.figures.curves import Figure

ROW_PX = 34
"""Height of a row."""
LEAST_PX = 150
EVERY_ROW = {"tickmode": "linear", "dtick": 1}
"""None goes without its name."""
HELD = {
    Control.NONE: "",
    Control.LENGTH: "With the length of answers held fixed. ",
    Control.STYLE: "With the length and style of answers held fixed. ",
}


def figures_of(found: Ranking | Agreement | Biases | Acts) -> list[Figure]:
    """All that there is to draw; nothing where nothing was found."""
    match found:
        case Ranking():
            return [*_ranking(found), *_matrix(found)]
        case Biases():
            return [_bias(bias) for bias in found.biases if bias.rows]
        case Acts():
            return [*_done(found), *_tells(found), *_foresees(found)]
        case Agreement():
            return []


def _ranking(found: Ranking) -> list[Figure]:
    if not found.ranking:
        return []
    rows = found.ranking[::-1]
    figure = _dots(
        [row.version for row in rows],
        [row.rating for row in rows],
        [(row.low, row.high) for row in rows],
        [
            f"{row.rating:.0f} ({row.low:.0f} to {row.high:.0f}), {row.comparisons:,} comparisons"
            for row in rows
        ],
    )
    figure.update_xaxes(title={"text": "rating"})
    held = HELD[found.control]
    return [
        Figure(
            "ranking", "How strong each version is",
            f"{held}400 points are a factor of ten in the odds of being chosen; the lines hold the true rating in 95 "
            f"of 100 cases. {found.comparisons:,} comparisons of {found.people:,} people.",
            True, figure, "",
        )
    ]  # fmt: skip


def _matrix(found: Ranking) -> list[Figure]:
    if not found.matrix:
        return []
    names = [row.version for row in found.ranking] or sorted({row.version for row in found.matrix})
    met = {(row.version, row.other): row for row in found.matrix}
    cells = [[met.get((one, other)) for other in names] for one in names]
    figure = go.Figure(
        go.Heatmap(
            x=names,
            y=names,
            z=[[cell.rate.value if cell else None for cell in row] for row in cells],
            text=[
                [
                    f"{cell.rate.value:.0%}<br>{cell.wins}-{cell.ties}-{cell.losses}"
                    if cell
                    else ""
                    for cell in row
                ]
                for row in cells
            ],
            texttemplate="%{text}",
            zmin=0,
            zmax=1,
            colorscale=[[0, "#d08a4a"], [0.5, "rgba(140,140,140,0.12)"], [1, "#2c8c8a"]],
            showscale=False,
            hovertemplate="%{y} against %{x}: %{text}<extra></extra>",
        )
    )
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_layout(height=max(220, 60 * len(names) + 60), hovermode="closest")
    return [
        Figure(
            "matrix", "Every two against each other",
            "How often the version of the row is preferred to that of the column, a tie counting half; below it wins, "
            "ties and losses. Two answers that both lost to a third say nothing of each other.",
            False, figure, "",
        )
    ]  # fmt: skip


def _bias(bias: Bias) -> Figure:
    rows = bias.rows[::-1]
    figure = _shares([row.what for row in rows], [row.rate for row in rows])
    for row in rows:
        if row.chance is not None:
            figure.add_scatter(
                x=[row.chance], y=[row.what], mode="markers", showlegend=False,
                marker={"symbol": "line-ns-open", "size": 16}, hovertemplate="chance %{x:.0%}<extra></extra>",
            )  # fmt: skip
    return Figure(
        f"bias-{bias.name}",
        bias.title,
        f"{bias.sentence} Upright strokes are chance.",
        False,
        figure,
        "",
    )


def _done(found: Acts) -> list[Figure]:
    rows = [row for row in found.done if row.rate.n]
    acts = list(dict.fromkeys(row.act for row in rows))
    acts = [act for act in acts if any(row.rate.value for row in rows if row.act == act)]
    if not acts:
        return []
    label = {row.act: row.label for row in rows}
    figure = go.Figure()
    for version in dict.fromkeys(row.version for row in rows):
        theirs = {row.act: row.rate for row in rows if row.version == version}
        values = [theirs[act].value or 0.0 for act in acts]
        figure.add_bar(
            x=[label[act] for act in acts],
            y=values,
            name=version,
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [
                    (theirs[act].high or 0) - value for act, value in zip(acts, values, strict=True)
                ],
                "arrayminus": [
                    value - (theirs[act].low or 0) for act, value in zip(acts, values, strict=True)
                ],
                "thickness": 1,
            },
            hovertemplate=f"{version}: %{{y:.1%}}<extra></extra>",
        )
    figure.update_yaxes(tickformat=".0%")
    figure.update_layout(legend={"y": 1.02}, margin={"t": 40}, hovermode="closest")
    return [
        Figure(
            "acts", "What people do with the answers of each version",
            f"Share of answers with which each was done; intervals clustered by person; {found.answers:,} answers.",
            True, figure, "",
        )
    ]  # fmt: skip


def _tells(found: Acts) -> list[Figure]:
    rows = [row for row in found.tells if row.auc is not None][::-1]
    if not rows:
        return []
    figure = go.Figure()
    for name, values in (
        ("all answers", [(row.auc, row.low, row.high) for row in rows]),
        (
            "within a person",
            [(row.within_person, row.within_person_low, row.within_person_high) for row in rows],
        ),
        (
            "among equally long ones",
            [(row.within_length, row.within_length_low, row.within_length_high) for row in rows],
        ),
    ):
        figure.add_scatter(
            x=[value for value, _, _ in values],
            y=[row.label for row in rows],
            name=name,
            mode="markers",
            error_x=_error(
                [value for value, _, _ in values], [(low, high) for _, low, high in values]
            ),
            hovertemplate=f"{name}: %{{x:.3f}}<extra></extra>",
        )
    figure.update_yaxes(EVERY_ROW)
    figure.add_vline(x=0.5, line={"dash": "4px,5px", "width": 1}, layer="below")
    figure.update_layout(
        height=max(LEAST_PX, ROW_PX * len(rows) + 90), hovermode="closest", scattermode="group",
        legend={"y": 1.02}, margin={"t": 40},
    )  # fmt: skip
    return [
        Figure(
            "tells", "What tells a chosen answer from one passed over",
            "Chance that the chosen one of two has more of it: 0.5 tells nothing, below it is a sign against. Over all "
            "answers, within one person, and among answers that are about as long.",
            True, figure, "",
        )
    ]  # fmt: skip


def _foresees(found: Acts) -> list[Figure]:
    rows = [row for row in found.foresees if row.rate.value is not None][::-1]
    if not rows:
        return []
    figure = _shares([row.kind for row in rows], [row.rate for row in rows])
    figure.add_vline(x=rows[0].chance, line={"dash": "4px,5px", "width": 1}, layer="below")
    return [
        Figure(
            "foresees", "Which feedback foresees a choice",
            "Share of choices foreseen from what people did, by weights that come from other people. Explicit: likes, "
            "dislikes, reports, comments, ratings. Implicit: copying, sharing, editing, asking again, reading.",
            False, figure, "",
        )
    ]  # fmt: skip


def _shares(names: Sequence[str], rates: Sequence[Part]) -> go.Figure:
    figure = _dots(
        names,
        [rate.value for rate in rates],
        [(rate.low, rate.high) for rate in rates],
        [
            f"{rate.value:.1%} ({rate.low:.1%} to {rate.high:.1%}), n = {rate.n:,}"
            if rate.value is not None and rate.low is not None and rate.high is not None
            else ""
            for rate in rates
        ],
    )
    figure.update_xaxes(tickformat=".0%", range=[-0.02, 1.02])
    return figure


def _dots(
    names: Sequence[str],
    values: Sequence[float | None],
    bounds: Sequence[tuple[float | None, float | None]],
    words: Sequence[str],
) -> go.Figure:
    """A dot with its interval for each name, the last one on top."""
    figure = go.Figure()
    figure.add_scatter(
        x=list(values), y=list(names), mode="markers", showlegend=False, marker={"size": 9},
        error_x=_error(values, bounds), text=list(words), hovertemplate="%{y}: %{text}<extra></extra>",
    )  # fmt: skip
    figure.update_layout(height=max(LEAST_PX, ROW_PX * len(names) + 70), hovermode="closest")
    figure.update_yaxes(EVERY_ROW)
    return figure


def _error(
    values: Sequence[float | None], bounds: Sequence[tuple[float | None, float | None]]
) -> dict[str, Any]:
    known = [
        (value or 0.0, value or 0.0, value or 0.0)
        if low is None or high is None
        else (value or 0.0, low, high)
        for value, (low, high) in zip(values, bounds, strict=True)
    ]
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - value for value, _, high in known],
        "arrayminus": [value - low for value, low, _ in known],
        "thickness": 1.5,
    }
