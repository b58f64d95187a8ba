"""Benchmarks of no length, for the test of `run`: chosen by the environment variable SHORT_WORK."""

import os
import threading
from typing import Any

from tests.bench.run import row


def rows() -> list[dict[str, Any]]:
    """A row, or a failure, or nothing for ever."""
    match os.environ["SHORT_WORK"]:
        case "fails":
            raise RuntimeError("the peer is not there")
        case "hangs":
            threading.Event().wait()
    return [row("short_work", 3.0, "units")]
