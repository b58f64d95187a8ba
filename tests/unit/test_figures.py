"""Figures: the curves hold the numbers of the rows, every curve has its sentence, and the page stands alone."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest

from rlhb_core.errors import RunError
from rlhb_core.figures.curves import (
    MAX_POINTS,
    Figure,
    figures,
    plain,
    stages,
    template,
    thin,
    titled,
)
from rlhb_core.figures.page import write_html, write_png
from rlhb_core.run.config import RunConfig
from rlhb_core.run.folder import RunDir
from rlhb_core.run.metrics import METRICS, metric_row
from rlhb_core.run.plots import all_plots
from rlhb_core.schema.arms import Arm
from rlhb_core.teachers import stage_label


def a_run() -> list[dict[str, Any]]:
    """Two steps of warm-up, then three adversarial ones."""
    rows = [metric_row("warmup", 1, 1, {"warmup/loss": 2.0, "warmup/held_out_loss": 2.1})]
    rows.append(metric_row("warmup", 2, 2, {"warmup/loss": 1.5}))
    for step, (real, fake) in enumerate([(0.7, 0.2), (0.6, 0.4), (0.52, 0.49)], start=1):
        values = {
            "disc/calibrated_real": real,
            "disc/calibrated_fake": fake,
            "disc/p_real": round(real - 0.1, 9),
            "disc/p_fake": round(fake - 0.1, 9),
            "objective/kl": 0.5 * step,
        }
        rows.append(metric_row("adversarial", step, 2 + step, values))
    return [dict(row) for row in rows]


def named(found: list[Figure], name: str) -> Figure:
    return next(figure for figure in found if figure.name == name)


def lines(figure: go.Figure) -> dict[str, list[tuple[int, float]]]:
    return {line.name: list(zip(line.x, line.y, strict=True)) for line in figure.data}


def test_the_curves_hold_the_numbers_that_were_logged() -> None:
    output = named(figures(a_run()), "discriminator-output")
    assert lines(output.figure) == {
        "real (held out)": [(3, 0.7), (4, 0.6), (5, 0.52)],
        "generated": [(3, 0.2), (4, 0.4), (5, 0.49)],
        "real, raw": [(3, 0.6), (4, 0.5), (5, 0.42)],
        "generated, raw": [(3, 0.1), (4, 0.3), (5, 0.39)],
    }
    warmup = lines(named(figures(a_run()), "likelihood").figure)
    assert warmup == {"held out": [(1, 2.1)], "in the warm-up": [(1, 2.0), (2, 1.5)]}


def test_a_figure_without_numbers_is_left_out() -> None:
    assert {figure.name for figure in figures(a_run())} == {
        "discriminator-output",
        "kl",
        "likelihood",
    }
    assert figures([]) == []


def test_confusion_has_its_line_its_band_and_its_stages() -> None:
    rows = a_run()
    found = metric_row("discriminator", 1, 3, {"disc/calibrated_real": 0.8})
    rows = [
        *rows[:2],
        dict(found),
        *({**row, "iteration": row["iteration"] + 1} for row in rows[2:]),
    ]
    figure = named(figures(rows), "discriminator-output").figure
    band, chance, stage = figure.layout.shapes
    assert (band.type, band.y0, band.y1) == ("rect", 0.45, 0.55)
    assert (chance.y0, chance.y1) == (0.5, 0.5)
    assert (stage.x0, stage.x1) == (4, 4)
    notes = {note.x: note.text for note in figure.layout.annotations}
    assert notes == {3: stage_label("discriminator"), 4: "adversarial"}  # no room for the warm-up


def test_stages_without_a_point_take_no_room() -> None:
    figure = named(figures(a_run()), "discriminator-output").figure
    assert not figure.layout.annotations  # only one stage has points: it needs no name
    assert min(min(line.x) for line in figure.data) == 3


def test_raw_curves_are_thin_and_of_the_colours_of_the_calibrated_ones() -> None:
    output = named(figures(a_run()), "discriminator-output")
    assert [line.name for line in output.figure.data][2:] == ["real, raw", "generated, raw"]
    look = template("light")
    thick, _, real, fake = look.data.scatter
    assert (real.line.color, fake.line.color) == tuple(look.layout.colorway[:2])
    assert real.line.width < thick.line.width


def test_every_axis_says_what_it_measures() -> None:
    values = {metric: 0.5 for plot in all_plots() for metric in plot.curves}
    found = figures([dict(metric_row("adversarial", step, step, values)) for step in (1, 2)])
    assert len(found) == len(all_plots())
    for drawn in found:
        assert drawn.figure.layout.xaxis.title.text == "step"
        assert drawn.figure.layout.yaxis.title.text, drawn.name
    assert named(found, "kl").figure.layout.yaxis.title.text == "nats"


@pytest.mark.parametrize("metric", ["objective/rlhf_reward", "reward_model/accuracy"])
def test_an_arm_without_a_discriminator_has_a_first_thing_to_look_at(metric: str) -> None:
    values = {metric: 0.5, "objective/kl": 1.0, "response/length": 9.0}
    found = figures([dict(metric_row("ppo", step, step, values)) for step in (1, 2)])
    assert [figure.wide for figure in found].count(True) == 1
    assert [figure.name for figure in figures(a_run()) if figure.wide] == ["discriminator-output"]


def test_a_loss_that_is_only_rounding_is_left_out_and_the_update_is_shown() -> None:
    def names(loss: float, moved: float = 2e-4) -> set[str]:
        values = {"loss/policy_avg": loss, "policy/approxkl_avg": moved}
        rows = [dict(metric_row("ppo", step, step, values)) for step in (1, 2)]
        return {figure.name for figure in figures(rows)}

    assert names(3e-8) == {"policy-update"}
    assert names(-0.02) == {"policy-loss", "policy-update"}
    assert names(-0.02, moved=0.0) == {
        "policy-loss"
    }  # one step an iteration: it was taken before that


def test_the_bound_on_kl_is_drawn_where_the_curve_comes_near_it() -> None:
    near, far = (named(figures(a_run(), kl_stop=stop), "kl") for stop in (3.0, 30.0))
    assert [shape.y0 for shape in near.figure.layout.shapes] == [3.0]
    assert not far.figure.layout.shapes
    assert far.sentence.endswith("The run stops at 30.")


def test_every_curve_is_a_metric_and_every_figure_has_words() -> None:
    for plot in all_plots():
        assert set(plot.curves) <= METRICS.keys()
        assert plot.title
        assert plot.sentence or METRICS[next(iter(plot.curves))].sentence.endswith(".")
    assert len({plot.name for plot in all_plots()}) == len(all_plots())


def test_stages_in_the_order_of_training() -> None:
    assert stages(a_run()) == [("warmup", 1, 2), ("adversarial", 3, 5)]


def test_thinning_keeps_the_ends_and_the_spikes() -> None:
    points = [(x, 0.0) for x in range(100_000)]
    points[41_234] = (41_234, 9.0)
    points[70_001] = (70_001, -9.0)
    kept = thin(points)
    assert len(kept) <= MAX_POINTS
    assert (41_234, 9.0) in kept
    assert (70_001, -9.0) in kept
    assert kept == sorted(kept)
    assert thin(points[:MAX_POINTS]) == points[:MAX_POINTS]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_come_from_the_template_only(theme: Any) -> None:
    figure = named(figures(a_run()), "discriminator-output")
    assert all("color" not in json.dumps(line) for line in plain(figure.figure)["data"])
    assert "template" not in plain(figure.figure)["layout"]
    drawn = titled(figure, theme)
    assert drawn.layout.template.layout.colorway == template(theme).layout.colorway
    assert drawn.layout.title.text == figure.title
    assert drawn.layout.title.subtitle.text.replace("<br>", " ") == figure.sentence
    assert figure.figure.layout.title.text is None
    # its legend stands above the names of the stages, and must not lie on the sentence
    narrow = replace(figure, wide=False)
    assert drawn.layout.margin.t > titled(narrow, theme).layout.margin.t


def test_the_page_stands_alone(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run", RunConfig.load({"arm": Arm.RLHB}))
    with pytest.raises(RunError, match="no metrics yet"):
        write_html(run, tmp_path)
    for row in a_run():
        values = {name: value for name, value in row.items() if name in METRICS}
        run.append_metrics(row["stage"], row["step"], row["iteration"], values)
    run.append_metrics("adversarial", 4, 6, {"objective/kl": 28.0, "disc/swap_auc": 0.5})
    for step in (4, 5):
        answer = {
            "query": "Who <wins>?",
            "behavior": "The reader liked it.",
            "response": f"{step}!",
        }
        run.append_samples(step, [answer])
    page = write_html(run, tmp_path / "out").read_text()
    assert page.count("plotly.js v") == 1
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", page)
    data = page.split('id="figures">')[1].split("</script>")[0]
    drawn = json.loads(data)["figures"]
    assert drawn["discriminator-output"]["data"][1]["y"] == [0.2, 0.4, 0.49]
    assert "Discriminator output" in page
    assert METRICS["objective/kl"].sentence in page
    assert "swap AUC 0.50" in page
    assert page.index("<td>5!</td>") < page.index("<td>4!</td>")  # the newest first
    assert "Who &lt;wins&gt;?" in page


def test_without_a_browser_a_sentence_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import kaleido
    from kaleido.errors import ChromeNotFoundError

    def none_here(*_: Any, **__: Any) -> None:
        raise ChromeNotFoundError

    monkeypatch.setattr(kaleido, "write_fig_from_object_sync", none_here)
    run = RunDir.create(tmp_path / "run", RunConfig.load({"arm": Arm.RLHB}))
    run.append_metrics("adversarial", 1, 1, {"objective/kl": 0.1})
    with pytest.raises(
        RunError, match="install one, name it in BROWSER_PATH, or take the HTML page"
    ):
        write_png(run, tmp_path / "out")
