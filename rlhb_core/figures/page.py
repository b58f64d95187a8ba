"""The figures of a run as files: one self-contained HTML page, or a PNG each.

The page holds plotly.js once and nothing from elsewhere, follows the reader's light or dark setting, and shows the
verdict in words above the curves. What the figures show is `curves.py`.
"""

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template

from plotly.offline import get_plotlyjs

from rlhb_core.errors import RunError
from rlhb_core.figures.curves import Figure, figures, plain, template, titled
from rlhb_core.run.folder import RunDir
from rlhb_core.verdict.alarms import alarms

PNG_SIZE = (900, 480)
"""Width and height of a picture, in CSS pixels; drawn at twice the resolution."""

_PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root{color-scheme:light dark;--ink:#16181d;--ink-2:#565b66;--paper:#fbfaf8;--card:#fff;--line:#e6e3dd}
@media (prefers-color-scheme:dark){:root{--ink:#eceae5;--ink-2:#a9adb6;--paper:#14161a;--card:#1b1e23;--line:#2b2f36}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.55 ui-sans-serif,system-ui,"Segoe UI",Roboto,Arial,sans-serif}
main{max-width:1240px;margin:0 auto;padding:36px 28px 80px}
h1{font:560 27px/1.25 ui-serif,Charter,Georgia,serif;margin:0}h2{font-size:15px;margin:0}
p{margin:2px 0 10px;color:var(--ink-2);font-size:13.5px}
.verdict{border:1px solid var(--line);border-left:5px solid #2c8c8a;border-radius:14px;background:var(--card);padding:16px 22px;margin:20px 0}
h2.part{font:560 20px/1.3 ui-serif,Charter,Georgia,serif;margin:38px 0 4px}
table{width:100%;border-collapse:collapse;font-size:14px;margin:10px 0}td,th{text-align:left;padding:8px 10px;border-bottom:1px solid var(--line);vertical-align:top}th{color:var(--ink-2);font-weight:520}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:14px;padding:6px 14px;margin:12px 0}
.badge{display:inline-block;border:1px solid var(--line);border-radius:99px;padding:3px 12px;font-size:13px;color:var(--ink-2);background:var(--card)}
.verdict b{font:600 20px/1.3 ui-serif,Charter,Georgia,serif}.verdict ul{margin:6px 0 0;padding:0;list-style:none;color:var(--ink-2);font-size:13.5px}
.alarms{padding:0 0 0 20px;margin:0 0 20px;font-size:14px}.alarms span{color:var(--ink-2)}
details{margin:12px 0}summary{cursor:pointer;color:var(--ink-2);font-size:14px}
.grid{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:20px}
section{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:18px 20px}
section.wide{grid-column:1/-1}.plot{height:260px}.wide .plot{height:360px}
@media (max-width:800px){.grid{grid-template-columns:minmax(0,1fr)}main{padding:22px 14px}}
</style></head><body><main>
<h1>$title</h1><p>$subtitle</p>
$body
</main>
<script>$plotlyjs</script>
<script type="application/json" id="figures">$data</script>
<script>
const {figures, templates} = JSON.parse(document.getElementById("figures").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
function draw() {
  for (const [name, figure] of Object.entries(figures)) {
    const layout = {...figure.layout, template: templates[dark.matches ? "dark" : "light"], uirevision: "kept"};
    Plotly.react(document.getElementById(name), figure.data, layout, {responsive: true, displaylogo: false});
  }
}
draw();
dark.addEventListener("change", draw);
</script></body></html>
""")


def write_html(run: RunDir, out: Path) -> Path:
    """Write the page of a run as `out`/curves.html, readable without a network; returns its path.

    Raises RunError if the run has logged nothing yet.
    """
    drawn = _figures_of(run)
    out.mkdir(parents=True, exist_ok=True)
    page = out / "curves.html"
    curves = f'<div class="grid">{"".join(map(section, drawn))}</div>'
    body = verdict_block(run) + alarm_block(run) + curves + samples_block(run)
    hint = "Every curve with the sentence that says what it means. Drag to zoom, double-click to go back."
    page.write_text(render(_title(run), hint, body, drawn), encoding="utf-8")
    return page


def render(title: str, subtitle: str, body: str, drawn: Sequence[Figure]) -> str:
    """A whole page: `body` is HTML with one `section` for each of the drawn figures."""
    return _PAGE.substitute(
        title=escape(title),
        subtitle=escape(subtitle),
        body=body,
        plotlyjs=get_plotlyjs() if drawn else "",
        data=_embed(
            {
                "figures": {f.name: plain(f.figure) for f in drawn},
                "templates": {
                    theme: template(theme).to_plotly_json() for theme in ("light", "dark")
                },
            }
        ),
    )


def write_png(run: RunDir, out: Path) -> list[Path]:
    """Write every figure of a run as `out`/<name>.png; returns their paths.

    Raises RunError if the run has logged nothing, or if no browser that could draw them is found.
    """
    return draw_pictures(_figures_of(run), out)


def draw_pictures(drawn: Sequence[Figure], out: Path) -> list[Path]:
    """Write figures as `out`/<name>.png; returns their paths. Raises RunError if no browser that could draw them is found."""
    try:
        import kaleido
        from kaleido.errors import BrowserFailedError, ChromeNotFoundError
    except ImportError:
        raise RunError(
            "PNG figures need kaleido: pip install 'rlhb-studio[png]', or take the HTML page"
        ) from None
    out.mkdir(parents=True, exist_ok=True)
    paths = [out / f"{figure.name}.png" for figure in drawn]
    width, height = PNG_SIZE
    wanted = [
        {
            "fig": titled(figure).to_dict(),
            "path": path,
            "opts": {
                "format": "png",
                "width": width,
                "height": (figure.figure.layout.height or height - 90) + 90,  # title and sentence
                "scale": 2,
            },
        }
        for figure, path in zip(drawn, paths, strict=True)
    ]
    try:
        # mathjax would be fetched from the network
        kaleido.write_fig_from_object_sync(wanted, kopts={"mathjax": False})
    except (ChromeNotFoundError, BrowserFailedError):
        raise RunError(
            "PNG figures are drawn by a Chrome or Chromium, and none starts on this machine: install one, "
            "name it in BROWSER_PATH, or take the HTML page"
        ) from None
    return paths


def _figures_of(run: RunDir) -> list[Figure]:
    drawn = figures(run.metrics(), run.config().ppo.kl_stop)
    if not drawn:
        raise RunError(f"{run.path} has logged no metrics yet: there is nothing to draw")
    return drawn


def _embed(data: object) -> str:
    """JSON that is safe inside a script element."""
    return json.dumps(data).replace("<", "\\u003c")


def part(title: str) -> str:
    """The heading of a part of a page."""
    return f'<h2 class="part">{escape(title)}</h2>'


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Plain text as a table, `head` over its columns; without a head, if that is empty."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    thead = f"<thead><tr>{top}</tr></thead>" if top else ""
    return f'<div class="scroll"><table>{thead}<tbody>{body}</tbody></table></div>'


def section(figure: Figure) -> str:
    wide = ' class="wide"' if figure.wide else ""
    own = figure.figure.layout.height
    height = f' style="height:{own}px"' if own else ""
    return (
        f"<section{wide}><h2>{escape(figure.title)}</h2><p>{escape(figure.sentence)}</p>"
        f'<div class="plot"{height} id="{figure.name}" role="img" aria-label="{escape(figure.title)}"></div></section>'
    )


def _title(run: RunDir) -> str:
    config = run.config()
    parent = f" from {config.parent_version}" if config.parent_version else ""
    return f"{config.arm.label}{parent}"


def verdict_block(run: RunDir) -> str:
    """The verdict and its checks in words; without one, how the run stands."""
    verdict = (run.result() or {}).get("verdict")
    if verdict is None:
        return f'<div class="verdict"><b>No verdict yet</b><p>The run is {run.state()}.</p></div>'
    checks = "".join(
        f"<li>{'✓' if check['passed'] else '✗'} {escape(check['name'])}: {escape(check['sentence'])}</li>"
        for check in verdict["checks"]
    )
    word = verdict["word"]
    return (
        f'<div class="verdict"><b>{escape(word[0].upper() + word[1:])}</b><p>{escape(verdict["sentence"])}</p>'
        f"<ul>{checks}</ul></div>"
    )


def alarm_block(run: RunDir) -> str:
    """What looks wrong, and where to look; nothing if nothing does."""
    found = alarms(run.metrics(), run.config().ppo.kl_stop)
    lines = "".join(
        f"<li>{escape(alarm.happened)} <span>{escape(alarm.look)}</span></li>" for alarm in found
    )
    return f'<ul class="alarms">{lines}</ul>' if found else ""


def samples_block(run: RunDir) -> str:
    """The answers at every checkpoint, the newest first and open."""
    blocks = []
    for place, (iteration, samples) in enumerate(run.checkpoints()):
        answers = [(one["query"], one["response"] or "(nothing)") for one in samples]
        behavior = f" · {escape(samples[0]['behavior'])}" if samples[0]["behavior"] else ""
        blocks.append(
            f"<details{'' if place else ' open'}><summary>Step {iteration}{behavior}</summary>"
            f"{table((), answers)}</details>"
        )
    return part("Answers on the way") + "".join(blocks) if blocks else ""
