"""The results as tables: one row a line, as CSV. What stands in a cell is told by the models that they are made of."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from app.results.acts import Acts, acts_of
from app.results.agreeing import Agreement, agreement_of
from app.results.biases import Biases, biases_of
from app.results.ranking import Ranking, ranking_of
from app.results.wanted import Wanted
from app.store import Store

Found = Ranking | Agreement | Biases | Acts
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What spreadsheets take for the beginning of a formula."""

OF: Mapping[str, Callable[[Store, Wanted], Found]] = {
    "ranking": ranking_of,
    "agreement": agreement_of,
    "biases": biases_of,
    "acts": acts_of,
}
"""The parts of the results, in the order of the page."""

TABLES: Mapping[str, str] = {
    "ranking": "ranking",
    "pairs": "ranking",
    "matrix": "ranking",
    "weights": "ranking",
    "measures": "agreement",
    "couples": "agreement",
    "people": "agreement",
    "biases": "biases",
    "done": "acts",
    "tells": "acts",
    "foresees": "acts",
}
"""Each table, and the part that it belongs to."""


def rows_of(found: Found, table: str) -> list[dict[str, Any]]:
    """The rows of a table, flat."""
    if isinstance(found, Biases):
        return [{"bias": bias.name, **_flat(row)} for bias in found.biases for row in bias.rows]
    rows: Sequence[BaseModel] = getattr(found, table)
    return [_flat(row) for row in rows]


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """With a line of names first; empty without a row. What a spreadsheet would reckon has an apostrophe before it."""
    if not rows:
        return ""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return out.getvalue()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _flat(row: BaseModel) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in row.model_dump(mode="json").items():
        if isinstance(value, dict):
            found |= {
                f"{name}_{key}" if key != "value" else name: each for key, each in value.items()
            }
        else:
            found[name] = value
    return found
