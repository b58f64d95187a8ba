"""How settings are typed: one option of a command for each, the table of all of them, and the options that
several commands share. Knows no command.
"""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from app.settings import Settings

Server = Annotated[
    str, typer.Option(help="Address of a server elsewhere, instead of the data folder here.")
]
Encoding = Annotated[
    str, typer.Option(help="Of the file, if it is not UTF-8: utf-16, latin-1, cp1252 ...")
]
ItsToken = Annotated[
    str,
    typer.Option(
        "--token", envvar="RLHB_TOKEN", show_envvar=True,
        help="Token of a researcher, where that server has accounts.",
    ),
]  # fmt: skip
Since = Annotated[str, typer.Option(help="Only data since this day (YYYY-MM-DD).")]
Unblinded = Annotated[bool, typer.Option(help="Take in what was done while names were in view.")]
"""Options that several commands share."""


def takes_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one option per setting; only those typed override the environment.

    Not by pydantic-settings' `CliApp`, which wants a model for each command where a function is less to read.
    """

    def with_settings(**options: Any) -> None:
        chosen = {k: options.pop(k) for k in Settings.model_fields if k in options}
        command(Settings(**{k: v for k, v in chosen.items() if v is not None}), **options)

    own = list(inspect.signature(command).parameters.values())[1:]
    shared = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                _plain_type(field.annotation) | None,
                typer.Option(
                    f"--{name.replace('_', '-')}",
                    help=field.description,
                    show_default=str(field.default) or "empty",
                    rich_help_panel="Settings (also as RLHB_* environment variables)",
                ),
            ],
        )
        for name, field in Settings.model_fields.items()
    ]
    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + shared
    with_settings.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_settings.__annotations__ = {p.name: p.annotation for p in parameters}
    with_settings.__doc__ = command.__doc__
    with_settings.__name__ = command.__name__
    return with_settings


def _plain_type(annotation: Any) -> Any:
    return annotation if annotation in (int, float, bool, Path) else str


def typed(name: str) -> str:
    """A setting as a person types it."""
    return f"RLHB_{name.upper()} (--{name.replace('_', '-')})"


def settings_table() -> list[tuple[str, str, str]]:
    """(environment variable, default, sentence) of every setting, in order."""
    return [
        (f"RLHB_{name.upper()}", str(field.default), field.description or "")
        for name, field in Settings.model_fields.items()
    ]
