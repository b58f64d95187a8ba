"""What a model process is told when it is started. Imported by the web process: knows no model."""

from typing import Literal

from pydantic import Field

from app.settings import Settings
from rlhb_core.records import Record

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
