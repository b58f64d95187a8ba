"""The `rlhb` command: each subcommand parses, calls one function, and says what came of it.

Knows no SQL and no tensors; heavy parts are imported by the command that needs them, so that help is quick.
"""

import logging
import os
import sys
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from pydantic import ValidationError

from app.settings import Role, Settings
from app.settings_options import (
    Encoding,
    ItsToken,
    Server,
    Since,
    Unblinded,
    settings_table,
    takes_settings,
    typed,
)
from rlhb_core.errors import RlhbError
from rlhb_core.schema.arms import ARMS, Arm
from rlhb_core.schema.record import describe
from rlhb_core.schema.records import Source

cli = typer.Typer(
    name="rlhb",
    help="Compare language models side by side, record how people behave, retrain on it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
export = typer.Typer(help="Write what was recorded as JSON lines.", no_args_is_help=True)
cli.add_typer(export, name="export")
token = typer.Typer(help="Tokens, by which scripts are let in.", no_args_is_help=True)
cli.add_typer(token, name="token")


def main() -> None:
    """Entry point: errors that a person can do something about are one sentence, not a traceback."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for chatty in ("httpx", "httpx2", "alembic", "choreographer", "kaleido"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        cli()
    except RlhbError as error:
        sys.exit(f"rlhb: {error}")
    except ValidationError as error:
        is_setting = error.title == Settings.__name__
        sys.exit(f"rlhb: {describe(error, typed if is_setting else str)}")
    except BrokenPipeError:  # whoever read has gone, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:  # a full disk, a file that may not be read
        where = f": {error.filename}" if error.filename else ""
        sys.exit(f"rlhb: {error.strerror or error}{where}")


@cli.command()
@takes_settings
def serve(settings: Settings) -> None:
    """Start the web app; says which address to open."""
    from app.server import run

    run(settings)


@cli.command()
@takes_settings
def engine(settings: Settings) -> None:
    """Run the model process of base_model alone, at engine_url: several web processes can share it."""
    from app.commands import run_engine

    run_engine(settings)


@cli.command()
@takes_settings
def train(
    settings: Settings,
    arm: Annotated[
        Arm | None,
        typer.Option(parser=Arm, metavar="ARM", help=f"What to train: {', '.join(ARMS)}."),
    ] = None,
    source: Annotated[
        list[Source] | None, typer.Option(help="Kinds of data to train on; repeat for several.")
    ] = None,
    since: Since = "",
    recipe: Annotated[str, typer.Option(help="Recipe by name; default: the arm's own.")] = "",
    parent: Annotated[str, typer.Option(help="Name of the version to start from.")] = "",
    override: Annotated[
        list[str] | None, typer.Option("--set", help="Change one setting: ppo.iterations=40.")
    ] = None,
    resume: Annotated[str, typer.Option(help="Continue this run instead of a new one.")] = "",
    include_unblinded: Unblinded = False,
) -> None:
    """Train an arm from the store, follow it, and register the new version."""
    from app.commands import train_and_follow

    if (arm is None) == (resume == ""):
        raise typer.BadParameter("give either --arm (a new run) or --resume (an old one)")
    train_and_follow(
        settings,
        arm=arm,
        sources=source or [Source.REAL],
        since=since,
        recipe=recipe,
        parent=parent,
        overrides=override or [],
        resume=resume,
        include_unblinded=include_unblinded,
    )


@cli.command()
@takes_settings
def results(
    settings: Settings,
    json: Annotated[bool, typer.Option("--json", help="As JSON, all of it.")] = False,
    source: Annotated[
        list[Source] | None, typer.Option(help="Kinds of data; default: real, if there is any.")
    ] = None,
    since: Since = "",
    study: Annotated[str, typer.Option(help="Name or id of a study; default: all data.")] = "",
    ties: Annotated[
        str, typer.Option(help="A tie is half a win each (half), or modelled (davidson).")
    ] = "half",
    control: Annotated[
        str, typer.Option(help="What is held fixed: none, length, style (length too).")
    ] = "none",
    anchor: Annotated[str, typer.Option(help="The version that others are held against.")] = "",
    report: Annotated[
        Path | None, typer.Option(help="Write all results as one HTML page here instead.")
    ] = None,
    with_excluded: Annotated[
        bool, typer.Option(help="Take in people who are marked as excluded.")
    ] = False,
    include_unblinded: Unblinded = False,
) -> None:
    """Which versions people prefer, and how sure that is."""
    from app.commands import tell_results

    tell_results(
        settings,
        as_json=json,
        sources=source or [],
        since=since,
        study=study,
        ties=ties,
        control=control,
        anchor=anchor,
        report_to=report,
        with_excluded=with_excluded,
        include_unblinded=include_unblinded,
    )


def _exporter(kind: str, what: str) -> None:
    @takes_settings
    def write(
        settings: Settings,
        out: Annotated[Path | None, typer.Option(help="File; else the screen.")] = None,
        source: Annotated[
            list[Source] | None, typer.Option(help="Kinds of data; default: real.")
        ] = None,
        since: Since = "",
        with_people: Annotated[
            bool, typer.Option(help="Include who it was; left out unless asked for.")
        ] = False,
        with_excluded: Annotated[
            bool, typer.Option(help="Take in people whom an import marked as excluded.")
        ] = False,
        include_unblinded: Unblinded = False,
        server: Server = "",
        its_token: ItsToken = "",
    ) -> None:
        from app.commands import export_from, export_lines

        chosen = (source or [Source.REAL], since, with_people, with_excluded, include_unblinded)
        if server:
            export_from(server, its_token, kind, chosen, out)
        else:
            export_lines(settings, kind, out, *chosen)

    write.__doc__ = what
    export.command(kind)(write)


for _kind, _what in {
    "triplets": "<query, response, behaviour>: what RLHB trains on; `rlhb import` reads it back.",
    "comparisons": "Votes over the responses to one query: what the reward model trains on.",
    "preferences": "prompt / chosen / rejected, as TRL's DPO and reward trainers read it.",
    "labels": "prompt / completion / label, as TRL's KTO trainer reads it.",
    "completions": "prompt / completion, answers to imitate, as TRL's SFT trainer reads it.",
}.items():
    _exporter(_kind, _what)


@cli.command("import")
@takes_settings
def import_(
    settings: Settings,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="JSON, JSONL or CSV.")],
    mapping: Annotated[
        Path | None,
        typer.Option(exists=True, help="TOML file naming the columns of CSV, or fields of JSON."),
    ] = None,
    encoding: Encoding = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen, and store nothing.")
    ] = False,
) -> None:
    """Read triplets back, formats that are known by themselves, or others with a mapping. Bad lines are named."""
    from app.commands import import_file

    import_file(settings, file, mapping, encoding, dry_run)


@cli.command()
@takes_settings
def items(
    settings: Settings,
    study: Annotated[str, typer.Argument(help="Name of the study, or its id.")],
    path: Annotated[
        Path, typer.Argument(exists=True, help=".txt, .csv, .jsonl; of a folder, each text.")
    ],
    encoding: Encoding = "",
) -> None:
    """Bring questions into a study, each once. Bad lines are named and do not stop the rest."""
    from app.commands import bring_items

    bring_items(settings, study, path, encoding)


@cli.command()
@takes_settings
def verify(settings: Settings) -> None:
    """Check the database: schema, references, payloads. Exit status 1 if anything is wrong."""
    from app.commands import verify_store

    verify_store(settings)


@cli.command()
@takes_settings
def figures(
    settings: Settings,
    run: Annotated[str, typer.Argument(help="Id of a run, or the path of its folder.")],
    out: Annotated[Path, typer.Option(help="Folder to write into.")] = Path("figures"),
    png: Annotated[bool, typer.Option(help="PNG too; needs a Chrome or Chromium.")] = False,
) -> None:
    """The curves of a run as static HTML (and PNG)."""
    from app.commands import write_figures

    write_figures(settings, run, out, png)


@cli.command()
@takes_settings
def simulate(
    settings: Settings,
    queries: Annotated[int, typer.Option(min=1, help="How many queries they put.")] = 300,
    people: Annotated[int, typer.Option(min=1, help="How many simulated annotators.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Seed of who asks what.")] = 0,
    server: Annotated[
        str,
        typer.Option(
            help="Address of a server elsewhere; default: the one that is live on the data folder, or else one in "
            "this process."
        ),
    ] = "",
    its_token: ItsToken = "",
) -> None:
    """Let simulated annotators use the served versions by the API; all of it is stored as source = simulated."""
    from app.commands import run_simulation

    run_simulation(settings, queries, people, seed, server, its_token)


@token.command("create")
@takes_settings
def create_token(
    settings: Settings,
    role: Annotated[Role, typer.Option(help="What it may do.")] = Role.RESEARCHER,
    expires: Annotated[str, typer.Option(help="After how long: 12h, 90d, 4w, never.")] = "90d",
    name: Annotated[str, typer.Option(help="What it is for.")] = "made on the command line",
) -> None:
    """Make a token and print it, once."""
    from app.commands import create_token

    create_token(settings, name, role, expires)


@token.command("list")
@takes_settings
def list_tokens(settings: Settings) -> None:
    """All tokens, with their last use."""
    from app.commands import list_tokens

    list_tokens(settings)


@token.command("revoke")
@takes_settings
def revoke_token(
    settings: Settings, token_id: Annotated[UUID, typer.Argument(metavar="ID", help="As listed.")]
) -> None:
    """Take a token back."""
    from app.commands import revoke

    revoke(settings, token_id)


@cli.command()
@takes_settings
def invite(
    settings: Settings,
    role: Annotated[Role, typer.Option(help="What they may do.")] = Role.ANNOTATOR,
    uses: Annotated[int, typer.Option(min=1, max=1000, help="How many may join by it.")] = 1,
    hours: Annotated[float, typer.Option(min=0.01, max=2160, help="For how long.")] = 72,
) -> None:
    """Print a link by which people join; --role administrator is the way back in for who has locked themselves out."""
    from app.commands import make_invitation

    make_invitation(settings, role, uses, hours)


@cli.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder of the result.")] = Path("demo"),
    queries: Annotated[int, typer.Option(help="Queries per round of collecting.")] = 3000,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
) -> None:
    """The whole story headless on simulated annotators: collect, train three arms, report, export."""
    from app.demo import run_demo

    report = run_demo(out, queries=queries, seed=seed)
    typer.echo(f"Done. Open {report}")


@cli.command()
def reproduce(
    out: Annotated[Path, typer.Option(help="Folder of the report.")] = Path("reproduction"),
    work: Annotated[
        Path | None, typer.Option(help="Folder of logs and runs; default: work/ in the report's.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds.")] = 3,
    first_seed: Annotated[int, typer.Option(min=0, help="The first of them.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes side by side.")] = 2,
    ablation_seeds: Annotated[
        int, typer.Option(min=0, help="How many of the seeds do the ablations too.")
    ] = 1,
    png: Annotated[bool, typer.Option(help="PNGs too; needs a Chrome or Chromium.")] = True,
    votes: Annotated[
        Path | None,
        typer.Option(exists=True, help="Votes of people: a file of rlhb export comparisons."),
    ] = None,
    rehearsal: Annotated[
        bool,
        typer.Option(help="Everything in small: shows that it runs; the numbers mean nothing."),
    ] = False,
) -> None:
    """The paper's results on the embedded world and simulated annotators; goes on where it broke off."""
    from rlhb_core.reproduction.command import reproduce as run

    chosen = range(first_seed, first_seed + seeds)
    page = run(
        out, work or out / "work", chosen, workers,
        ablation_seeds=ablation_seeds, png=png, votes=votes, rehearsal=rehearsal,
    )  # fmt: skip
    typer.echo(f"Done. Open {page}")


@cli.command("settings")
def show_settings() -> None:
    """List every setting of the app with its default and its sentence; those of runs: `rlhb reference`."""
    for name, default, sentence in settings_table():
        typer.echo(f"{name:28} {default or 'empty':12} {sentence}")


@cli.command()
def reference() -> None:
    """Print docs/reference.md: every setting, metric, signal and clause with its sentence."""
    from app.reference import reference as page

    typer.echo(page(), nl=False)


if __name__ == "__main__":
    main()
