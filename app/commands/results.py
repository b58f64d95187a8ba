"""`rlhb results`: what people prefer, as a table, as JSON or as a page. Prints for people, or for other programs."""

from collections.abc import Sequence
from pathlib import Path

import orjson
import typer
from rich.console import Console
from rich.table import Table

from app.commands.here import console, find_study, opened, since_ms
from app.people import OPERATOR, note_alone
from app.results import OF, Ranking, Wanted, as_page, ranking_of, usual_sources
from app.settings import Settings
from app.store import AuditKind, DataFilter, Segment, Store
from rlhb_core.schema.records import Source


def tell_results(
    settings: Settings,
    *,
    as_json: bool,
    sources: Sequence[Source],
    since: str,
    study: str,
    ties: str,
    control: str,
    anchor: str,
    report_to: Path | None,
    with_excluded: bool,
    include_unblinded: bool,
) -> None:
    """Without sources: of real data, or else of what there is. Raises RlhbError."""
    with opened(settings, must_exist=True) as store:
        wanted = Wanted.model_validate(
            {
                "data": DataFilter(
                    sources=frozenset(sources) or usual_sources(store),
                    since_ms=since_ms(since),
                    with_excluded=with_excluded,
                    with_unblinded=include_unblinded,
                ),
                "segment": Segment(study=find_study(store, study) if study else None),
                "ties": ties,
                "control": control,
                "anchor": anchor,
            }
        )
        if report_to is not None:
            _write(store, wanted, report_to)
        elif as_json:
            parts = {name: work(store, wanted).model_dump(mode="json") for name, work in OF.items()}
            typer.echo(orjson.dumps(parts.pop("ranking") | parts, option=orjson.OPT_INDENT_2))
        else:
            _print(ranking_of(store, wanted))


def _write(store: Store, wanted: Wanted, out: Path) -> None:
    store.refuse_own_file(out)
    out.write_text(as_page(store, wanted), encoding="utf-8")
    note_alone(store, OPERATOR, AuditKind.EXPORT, what="results: report", data=wanted.data.words())
    console.print(f"written: {out}")


def _print(found: Ranking) -> None:
    table = Table(box=None)
    for name in ("rank", "version", "rating", "95 % interval", "comparisons"):
        table.add_column(name, justify="left" if name == "version" else "right")
    for row in found.ranking:
        table.add_row(
            str(row.rank), row.version, f"{row.rating:.0f}", f"{row.low:.0f} to {row.high:.0f}",
            f"{row.comparisons:,}",
        )  # fmt: skip
    out = Console(markup=False, highlight=False)
    if found.ranking:
        out.print(table)
    for sentence in found.sentences:
        out.print(sentence)
    out.print(f"Of {found.data}: {found.comparisons:,} comparisons of {found.people:,} people.")
