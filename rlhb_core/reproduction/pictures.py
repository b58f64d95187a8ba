"""The pictures of the reproduction: records of seeds -> plotly figures in the look of every other figure.

The title of every picture is what it shows, its sentence says on how many seeds. Does not know how a line or a band is
drawn (`drawing.py`), nor any page (`page.py`).
"""

from collections.abc import Callable, Iterable, Sequence
from statistics import fmean

import plotly.graph_objects as go

from rlhb_core.figures.curves import Figure
from rlhb_core.reproduction.drawing import (
    COLOURS,
    GREY,
    ORANGE,
    TEAL,
    band,
    columns,
    finished,
    having,
    label,
    name_every_one,
    points,
    said,
)
from rlhb_core.reproduction.records import SeedRecord
from rlhb_core.reproduction.results import by_round, evaluation, judge, utility
from rlhb_core.reproduction.tasks import CONTROL, ROUNDS, SHIFT
from rlhb_core.reproduction.versus import matrix, win_tie_loss
from rlhb_core.teachers.discriminator.convergence import BAND


def pictures(seeds: Sequence[SeedRecord]) -> list[Figure]:
    """Every picture that these seeds have numbers for."""
    drawn = (
        win_tie_loss(seeds, "by_utility", "against-sft", "Against SFT, by hidden utility"),
        win_tie_loss(seeds, "by_votes", "against-sft-votes", "Against SFT, by simulated votes"),
        matrix(seeds),
        _over_training(seeds, "eval/win_rate", "win-rate-over-training", "Win rate against SFT over training",
                       ("rlhf", "rlhbc", "rlhf_rlhbc", "rlhb", "rlhf_rlhb"), chance=0.5),
        _over_training(seeds, "objective/scores", "reward-over-training", "Mean reward over training",
                       ("rlhf", "rlhbc", "rlhf_rlhbc")),
        _outputs(seeds),
        _over_training(seeds, "disc/loss", "discriminator-loss", "Discriminator loss", ("rlhb", "rlhf_rlhb")),
        _over_training(seeds, "objective/returns", "returns", "Mean return", ("rlhb", "rlhf_rlhb")),
        _rounds(seeds),
        _confusion_by_round(seeds),
        _shift(seeds),
        _diversity(seeds),
        _ablations(seeds),
        _ablated_confusion(seeds),
    )  # fmt: skip
    return [figure for figure in drawn if figure is not None]


# --- over training --------------------------------------------------------------------------------


def _over_training(
    seeds: Sequence[SeedRecord],
    metric: str,
    name: str,
    title: str,
    runs: Iterable[str],
    chance: float | None = None,
) -> Figure | None:
    figure = go.Figure()
    for run in runs:
        curves = [
            record["runs"][run]["curves"][metric]
            for record in having(seeds, run)
            if metric in record["runs"][run]["curves"]
        ]
        band(figure, curves, label(run), COLOURS[run])
    if chance is not None:
        figure.add_hline(y=chance, line={"dash": "4px,5px", "width": 1}, layer="below")
    sentence = said("Mean over the seeds; the band holds all of them.", seeds)
    return finished(name, title, sentence, figure, counted="iteration")


def _outputs(seeds: Sequence[SeedRecord]) -> Figure | None:
    figure = go.Figure()
    for run in ("rlhb", "rlhf_rlhb"):
        for metric, kind, dash in (("real", "logged", "solid"), ("fake", "generated", "dot")):
            curves = [
                record["runs"][run]["curves"][f"disc/calibrated_{metric}"]
                for record in having(seeds, run)
                if f"disc/calibrated_{metric}" in record["runs"][run]["curves"]
            ]
            band(figure, curves, f"{label(run)}, {kind}", COLOURS[run], dash)
    figure.add_hrect(
        y0=0.5 - BAND, y1=0.5 + BAND,
        fillcolor="rgba(45,140,138,0.13)", line_width=0, layer="below",
    )  # fmt: skip
    figure.add_hline(y=0.5, line={"dash": "4px,5px", "width": 1}, layer="below")
    figure.update_yaxes(range=[0.3, 0.7])
    sentence = said(
        "Calibrated, class-balanced output of D on held-out triplets; both at 0.5 means that it can no longer tell.",
        seeds,
    )
    return finished(
        "discriminator-outputs",
        "Discriminator output over training",
        sentence,
        figure,
        wide=True,
        counted="iteration",
    )


# --- rounds ---------------------------------------------------------------------------------------


def _rounds(seeds: Sequence[SeedRecord]) -> Figure | None:
    figure = go.Figure()
    steps = ["SFT", "round 1", "round 2", "round 3"]
    whole = having(seeds, *ROUNDS)
    if whole:
        rounds = [by_round(record) for record in whole]
        points(figure, steps, list(zip(*rounds, strict=True)), "deploy, collect, retrain", TEAL)
    controlled = having(seeds, ROUNDS[0], *CONTROL)
    if controlled:
        reads = [lambda r, run=run: utility(r, run) for run in (ROUNDS[0], *CONTROL)]
        points(
            figure,
            steps[1:],
            columns(controlled, reads),
            "the same iterations on the first log",
            GREY,
            "dot",
        )
    sentence = said(
        "Hidden utility on held-out facts as the version of each round is served.", seeds
    )
    return finished("rounds", "Utility by round", sentence, figure)


def _confusion_by_round(seeds: Sequence[SeedRecord]) -> Figure | None:
    figure = go.Figure()
    whole = having(seeds, *ROUNDS)
    for policy, name, colour in (
        ("origin", "at its start", GREY),
        ("before", "after the warm-up", ORANGE),
        ("after", "at its end", TEAL),
    ):
        if whole:
            reads = [lambda r, run=run, policy=policy: judge(r, run, policy) for run in ROUNDS]
            points(figure, ["round 1", "round 2", "round 3"], columns(whole, reads), name, colour)
    if whole:
        figure.add_hline(y=0.5, line={"dash": "4px,5px", "width": 1}, layer="below")
    sentence = said(
        "Accuracy of the strongest fresh judge on each round's policy; 0.5 is confusion.", seeds
    )
    return finished("confusion-by-round", "Fresh judges by round", sentence, figure)


def _shift(seeds: Sequence[SeedRecord]) -> Figure | None:
    figure = go.Figure()
    names = (ROUNDS[-1], *SHIFT)
    whole = [record for record in seeds if set(names) <= set(record.get("shifted_taste", {}))]
    if whole:
        steps = ["when the taste changes", "one round later", "two rounds later"]
        reads = [lambda r, run=run: float(r["shifted_taste"][run]) for run in names]
        points(figure, steps, columns(whole, reads), "RLHB", TEAL)
        points(
            figure,
            steps,
            columns(whole, [lambda r: float(r["shifted_taste"]["sft"])] * 3),
            "SFT",
            GREY,
            "dot",
        )
    sentence = said("Utility under the new taste, which wants the bare answer.", seeds)
    return finished("shift", "After the people's taste has changed", sentence, figure)


# --- diversity and ablations ----------------------------------------------------------------------


def _diversity(seeds: Sequence[SeedRecord]) -> Figure | None:
    figure = go.Figure()
    tables = [record["temperatures"] for record in seeds if "temperatures" in record]
    for name in tables[0] if tables else ():
        rows = list(zip(*(table[name] for table in tables), strict=True))
        figure.add_scatter(
            x=[fmean(each["different"] for each in row) for row in rows],
            y=[fmean(each["utility"] for each in row) for row in rows],
            text=[f"T {row[0]['temperature']:g}" for row in rows],
            mode="lines+markers",
            marker={"size": [6 + 3 * place for place in range(len(rows))]},
            name=label(name),
            line={"color": COLOURS[name], "dash": "solid", "width": 2},
            hovertemplate=f"{label(name)} at %{{text}}: utility %{{y:.2f}}, different %{{x:.2f}}<extra></extra>",
        )
    figure.update_layout(hovermode="closest")
    figure.update_xaxes(title={"text": "share of unlike answers among four to one question"})
    figure.update_yaxes(title={"text": "utility"})
    sentence = said(
        "Up is better, right is more varied; the larger the dot, the higher the temperature (0.5, 0.7, 1, 1.3).",
        seeds,
    )
    return finished("diversity", "Quality against diversity", sentence, figure)


def _ablations(seeds: Sequence[SeedRecord]) -> Figure | None:
    def read(record: SeedRecord, run: str) -> tuple[float, float]:
        against = evaluation(record, run)["conditions"]["served"]["against_sft"]
        low, high = against["interval"]
        return against["win_rate"], (high - low) / 2

    sentence = "Win rate against SFT when one choice is changed; bars are 95 % intervals over questions, not over seeds"
    return _changed(seeds, read, "ablations", "One choice changed at a time", sentence)


def _ablated_confusion(seeds: Sequence[SeedRecord]) -> Figure | None:
    def read(record: SeedRecord, run: str) -> tuple[float, float]:
        judged = record["runs"][run]["evidence"]["judges"]["after"]
        strongest = max(judged["seeds"], key=lambda kind: float(judged[kind]))
        each = judged["seeds"][strongest]
        return judged[strongest], (max(each) - min(each)) / 2

    sentence = (
        "Accuracy of the strongest fresh judge at the end when one choice is changed, 0.5 is confusion; bars are "
        "half of the range over the judge's own seeds, not over seeds of the run"
    )
    title = "Confusion, one choice changed at a time"
    return _changed(seeds, read, "ablations-judges", title, sentence)


def _changed(
    seeds: Sequence[SeedRecord],
    read: Callable[[SeedRecord, str], tuple[float, float]],
    name: str,
    title: str,
    sentence: str,
) -> Figure | None:
    """A value and its half-width for every ablation, means over the seeds that did it."""
    found: dict[str, list[tuple[float, float]]] = {}
    for record in seeds:
        for run, facts in record["runs"].items():
            if facts["group"] == "ablations" and facts["evaluation"]:
                found.setdefault(facts["sentence"], []).append(read(record, run))
    means = {one: tuple(map(fmean, zip(*each, strict=True))) for one, each in found.items()}
    order = sorted(means, key=lambda one: means[one][0])
    figure = go.Figure()
    if order:
        figure.add_scatter(
            x=[means[one][0] for one in order],
            y=order,
            mode="markers",
            marker={"color": TEAL, "size": 9},
            error_x={
                "type": "data",
                "array": [means[one][1] for one in order],
                "thickness": 1.2,
                "width": 4,
            },
            hovertemplate="%{y}: %{x:.3f}<extra></extra>",
        )
    count = max(map(len, found.values()), default=0)
    name_every_one(figure.update_yaxes, order)
    figure.update_layout(hovermode="closest", height=120 + 28 * len(order))
    sentence = f"{sentence} ({count} of {len(seeds)} seeds). Simulated annotators."
    return finished(name, title, sentence, figure, wide=True)
