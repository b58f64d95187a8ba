"""A model process as the system sees it: the folder of its socket, how it is started, how it is ended.

Does not know what it is asked, nor when it is started again.
"""

import asyncio
import logging
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from app.engine.options import options_of
from app.settings import SECRETS, Settings

log = logging.getLogger(__name__)

END_S = 10.0
"""How long a process may take to end before it is killed."""
SOCKET = "models"
"""Name of the socket in its folder."""
MAX_SOCKET_PATH = 100
"""Bytes of a socket's path that every system takes."""


def socket_folder() -> Path:
    """A folder that only we can look into, its path short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="rlhb-"))  # mode 0700
    if len(bytes(folder / SOCKET)) <= MAX_SOCKET_PATH:
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix="rlhb-", dir="/tmp"))


def address_in(folder: Path) -> str:
    """Where the process of this folder listens."""
    return f"unix:{folder / SOCKET}"


async def spawn(settings: Settings, base: str, folder: Path) -> asyncio.subprocess.Process:
    """Start a process that answers for a base model; it ends when we do."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    options = options_of(settings, base, address_in(folder), is_child=True)
    environment = {k: v for k, v in os.environ.items() if k not in SECRETS}
    environment["OMP_NUM_THREADS"] = str(settings.threads)
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.engine", options.model_dump_json()),
        stdin=asyncio.subprocess.PIPE,  # its end tells the process that we are gone
        env=environment,
        start_new_session=True,  # Ctrl-C is for us; we end it
    )


async def end(process: asyncio.subprocess.Process) -> None:
    """End a process, and wait until it is gone."""
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(END_S):
            await process.wait()
    except TimeoutError:
        log.warning("the model process did not end; it is killed")
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def remove(folder: Path) -> None:
    """Remove the folder with the socket in it."""
    (folder / SOCKET).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()
