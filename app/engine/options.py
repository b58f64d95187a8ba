"""What a model process is told when it is started. Imported by the web process: knows no model."""

from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field

from app.addresses import is_loopback
from app.settings import Settings
from rlhb_core.errors import BadConfig
from rlhb_core.schema.record import Record

LEFT_OUT = "turns_left_out"
"""In the usage of an answer: how many of the oldest turns its prompt leaves out."""

KEY_VARIABLE = "RLHB_REMOTE_API_KEY"
"""Environment variable of the key that model servers want, ours too; never stored or logged."""
BASE_NAME = "base"
"""The model name under which the bare base model answers."""


class EngineOptions(Record):
    """One model process."""

    base: str = Field(description="Folder, hub name or 'embedded'.")
    listen: str = Field(description="unix:/path/of/socket or http://host:port.")
    device: str = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    threads: int = 1
    max_rows: int = Field(default=24, ge=1, description="Most answers written at once.")
    max_waiting: int = Field(default=256, ge=1, description="Most answers that wait; more get 503.")
    is_child: bool = Field(default=False, description="Ends when its standard input is closed.")


def options_of(
    settings: Settings, base: str, listen: str, *, is_child: bool = False
) -> EngineOptions:
    """The model process that these settings ask for."""
    return EngineOptions(
        base=base,
        listen=listen,
        device=settings.device,
        dtype=settings.dtype,
        threads=settings.threads,
        max_rows=settings.max_rows,
        is_child=is_child,
    )


def check_listen(settings: Settings) -> None:
    """Raise BadConfig if the model process cannot be run alone with these settings."""
    if settings.base_model.startswith(("http://", "https://")):
        raise BadConfig(
            "base_model is a server already; a model process needs a folder or hub name"
        )
    if settings.engine_url.startswith("unix:/"):
        return
    address = urlsplit(settings.engine_url)
    if address.scheme != "http" or not address.hostname or address.port is None:
        raise BadConfig(
            "say where to listen: --engine-url http://127.0.0.1:7870, or unix:/path/of/a/socket"
        )
    if not settings.allow_remote and not is_loopback(address.hostname):
        raise BadConfig(
            f"{address.hostname} can be reached by other machines; use 127.0.0.1, or set "
            f"RLHB_ALLOW_REMOTE=true and a key in {KEY_VARIABLE}"
        )
