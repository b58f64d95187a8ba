"""Pictures of policies against each other: each against SFT, and everyone against everyone.

Does not know what else is drawn (`pictures.py`).
"""

from collections.abc import Sequence
from statistics import fmean

import plotly.graph_objects as go

from rlhb_core.figures.curves import Figure
from rlhb_core.reproduction.drawing import ORANGE, TEAL, finished, label, name_every_one, said
from rlhb_core.reproduction.records import SeedRecord


def win_tie_loss(
    seeds: Sequence[SeedRecord], judge_name: str, name: str, title: str
) -> Figure | None:
    tables = [record["table"][judge_name] for record in seeds if "table" in record]
    rows = {
        key.split(" | ")[0]: [table[key] for table in tables]
        for key in (tables[0] if tables else ())
        if key.endswith(" | sft") and all(key in table for table in tables)
    }
    order = sorted(rows, key=lambda policy: fmean(each["win_rate"] for each in rows[policy]))
    figure = go.Figure()
    for kind, colour in (("win", TEAL), ("tie", "rgba(139,144,156,.45)"), ("loss", ORANGE)):
        shares = [fmean(each[kind] for each in rows[policy]) for policy in order]
        if order:
            figure.add_bar(
                y=[label(policy) for policy in order],
                x=shares,
                name=kind,
                orientation="h",
                marker={"color": colour, "line": {"width": 0}},
                text=[f"{share:.0%}" for share in shares],
                textposition="inside",
                insidetextanchor="middle",
                hovertemplate=f"{kind} %{{x:.1%}}<extra>%{{y}}</extra>",
            )
    height = 130 + 26 * len(order)
    figure.update_layout(barmode="stack", bargap=0.28, hovermode="closest", height=height)
    figure.update_xaxes(range=[0, 1], tickformat=".0%")
    name_every_one(figure.update_yaxes, [label(policy) for policy in order])
    count = next(iter(rows.values()))[0]["n"] if rows else 0
    sentence = said(
        f"Each version as it is served, on the same {count} questions about held-out facts.", seeds
    )
    return finished(name, title, sentence, figure, wide=True)


def matrix(seeds: Sequence[SeedRecord]) -> Figure | None:
    tables = [record["table"] for record in seeds if "table" in record]
    if not tables:
        return None
    names = [name for name in tables[0]["policies"] if all(name in t["policies"] for t in tables)]

    def rate(row: str, column: str) -> float | None:
        if row == column:
            return None
        found = []
        for table in tables:
            pairs = table["by_utility"]
            straight = pairs.get(f"{row} | {column}")
            found.append(
                straight["win_rate"] if straight else 1 - pairs[f"{column} | {row}"]["win_rate"]
            )
        return fmean(found)

    cells = [[rate(row, column) for column in names] for row in names]
    shown = [["" if cell is None else f"{cell:.2f}" for cell in row] for row in cells]
    figure = go.Figure(
        go.Heatmap(
            z=cells,
            x=[label(name) for name in names],
            y=[label(name) for name in names],
            text=shown,
            texttemplate="%{text}",
            colorscale=[(0, ORANGE), (0.5, "#f1efe9"), (1, TEAL)],
            zmin=0,
            zmax=1,
            showscale=False,
            textfont={"color": "#16181d"},
            hovertemplate="%{y} against %{x}: %{z:.3f}<extra></extra>",
            xgap=2,
            ygap=2,
        )
    )
    shown_names = [label(name) for name in names]
    figure.update_yaxes(autorange="reversed")
    name_every_one(figure.update_yaxes, shown_names)
    name_every_one(figure.update_xaxes, shown_names)
    figure.update_xaxes(tickangle=-40)
    figure.update_layout(hovermode="closest", height=200 + 30 * len(names))
    sentence = said("Win rate of the row against the column by hidden utility, ties half.", seeds)
    return finished("matrix", "Everyone against everyone", sentence, figure, wide=True)
