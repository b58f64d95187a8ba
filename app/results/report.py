"""The results as one page that stands alone: words, figures and tables, with what data they are of."""

import hashlib
import json
from datetime import UTC, datetime
from html import escape

from app.results.figures import figures_of
from app.results.tables import OF, TABLES, Found, as_csv, rows_of
from app.results.wanted import Wanted
from app.store import Store
from rlhb_core import __version__
from rlhb_core.figures.page import part, render, section, table
from rlhb_core.schema.behaviors import VERBALISER_VERSION
from rlhb_core.schema.records import SCHEMA_VERSION

TITLES = {
    "ranking": "Which answers do people prefer",
    "agreement": "Do people agree",
    "biases": "What sways them",
    "acts": "What they do with the answers",
}
MOST_ROWS = 40
"""Rows of a table that are shown; the CSV has them all."""
NOT_SHOWN = frozenset({"people", "couples"})
"""Tables of single people: they are for those who may see them, not for a page that is passed on."""


def as_page(store: Store, wanted: Wanted) -> str:
    """The page as HTML. It names nobody."""
    body, drawn, sums = [], [], {}
    for name, work in OF.items():
        found = work(store, wanted)
        figures = figures_of(found)
        drawn += figures
        body.append(part(TITLES[name]) + _sentences(found))
        body.append(f'<div class="grid">{"".join(map(section, figures))}</div>')
        for each, of in TABLES.items():
            rows = rows_of(found, each) if of == name and each not in NOT_SHOWN else []
            if rows:
                sums[each] = hashlib.sha256(as_csv(rows).encode()).hexdigest()
                cells = [[_cell(value) for value in row.values()] for row in rows[:MOST_ROWS]]
                heading = f"<summary>{escape(each)}, {len(rows)} rows</summary>"
                body.append(f"<details>{heading}{table(list(rows[0]), cells)}</details>")
    manifest = {
        "data": wanted.data.words(),
        "wanted": wanted.model_dump(mode="json"),
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "schema_version": SCHEMA_VERSION,
        "verbaliser_version": VERBALISER_VERSION,
        "studio_version": __version__,
        "sha256_of_tables": sums,
    }
    text = json.dumps(manifest, indent=1, sort_keys=True)
    body.append(part("What it is of") + f'<pre id="manifest">{escape(text)}</pre>')
    return render("Results", f"Of {wanted.data.words()}.", "".join(body), drawn)


def sentences_of(found: Found) -> list[str]:
    """What was found, in words."""
    said = getattr(found, "sentences", None)
    return said if said is not None else [bias.sentence for bias in getattr(found, "biases", [])]


def _sentences(found: Found) -> str:
    return f'<div class="verdict">{"".join(f"<p>{escape(each)}</p>" for each in sentences_of(found))}</div>'


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)
