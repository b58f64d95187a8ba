"""The data folder: for its owner only, and held by one server at a time.

A server holds a lock on a small file for as long as it lives, however it ends; the file says who holds it. So a second
server is refused, and every other command can tell that one is live. A SQLite database that lies elsewhere is held by
a file beside it too. Knows neither database nor web.
"""

import fcntl
import json
import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from app.settings import Settings
from rlhb_core.errors import BadConfig, RlhbError
from rlhb_core.schema.record import now_ms

LOCK = "server.lock"
"""Name of the lock file in the data folder."""
PATIENCE_S = 1.0
"""How long to try: another command that looks whether a server is live holds the lock for a moment."""


class NoRoom(RlhbError):
    """So little is free on the disk of the data folder that nothing big is begun."""


class FolderTaken(RlhbError):
    """Another server uses the data folder or the database."""


@dataclass(frozen=True)
class LiveServer:
    """The server that holds a data folder."""

    pid: int
    address: str
    started_ms: int

    def __str__(self) -> str:
        """As a sentence names it."""
        return f"process {self.pid} at {self.address}"


def prepare(folder: Path) -> Path:
    """The folder, made if need be, closed to everybody but its owner. Raises BadConfig if it cannot be used."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied")
    except (FileExistsError, NotADirectoryError):
        raise BadConfig(
            f"the data folder {folder} is a file, or lies in one; choose a folder (RLHB_DATA_DIR)"
        ) from None
    except OSError as error:
        raise BadConfig(
            f"the data folder {folder} cannot be used ({error.strerror}); check its owner and permissions, "
            "or choose another (RLHB_DATA_DIR)"
        ) from None
    _close_to_others(folder.resolve())
    return folder


def _close_to_others(folder: Path) -> None:
    """Home, the current folder and those that many share hold more than ours: they stay as they are."""
    found = folder.stat()
    shared = folder in (Path.home(), Path.cwd()) or found.st_mode & stat.S_ISVTX
    if not shared and found.st_uid == os.geteuid() and found.st_mode & 0o077:
        folder.chmod(0o700)


@contextmanager
def held(settings: Settings, address: str) -> Iterator[None]:
    """Hold the data folder (and the SQLite database) as a server does. Raises FolderTaken with who has it."""
    with ExitStack() as stack:
        for path in lock_files(settings):
            descriptor = _lock(path)
            stack.callback(os.close, descriptor)
            says = LiveServer(os.getpid(), address, now_ms())
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(asdict(says)).encode(), 0)
        yield


def refuse_if_taken(settings: Settings) -> None:
    """Raise FolderTaken now rather than after everything was loaded."""
    for path in lock_files(settings):
        os.close(_lock(path))


def lock_files(settings: Settings) -> list[Path]:
    """The lock file of the data folder, and one beside a SQLite database elsewhere."""
    found = [prepare(settings.data_dir) / LOCK]
    database = settings.sqlite_file
    if database is not None and database.parent != settings.data_dir.resolve():
        found.append(database.with_name(f"{database.name}-{LOCK}"))
    return found


def _lock(path: Path) -> int:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise BadConfig(f"the lock file {path} cannot be made ({error.strerror})") from None
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() > until:
                os.close(descriptor)
                raise FolderTaken(
                    f"{path.parent} is in use by another server ({_read(path)}); "
                    "stop that one, or choose another data folder (RLHB_DATA_DIR)"
                ) from None
            time.sleep(0.05)


def check_room(settings: Settings) -> None:
    """Raise NoRoom if less is free than the settings keep free. What is under way, and signals, may use the rest."""
    wanted = settings.min_free_mb
    try:
        free = shutil.disk_usage(settings.data_dir).free // 1_000_000
    except OSError:
        return  # the folder is gone: others say that
    if free < wanted:
        raise NoRoom(
            f"{free:,} MB are free where the data folder lies, fewer than the {wanted:,} MB that are kept free "
            "(RLHB_MIN_FREE_MB), so nothing new is begun; free some space, then try again"
        )


def live_server(data_dir: Path) -> LiveServer | None:
    """The server that holds this data folder now, or None. Makes nothing."""
    return _holder(data_dir / LOCK)


def live_beside(settings: Settings) -> LiveServer | None:
    """The server that holds the data folder or the database of these settings now, or None."""
    found = live_server(settings.data_dir)
    database = settings.sqlite_file
    if found is None and database is not None:
        found = live_server(database.parent) or _holder(
            database.with_name(f"{database.name}-{LOCK}")
        )
    return found


def _holder(path: Path) -> LiveServer | None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(path)
    else:
        return None
    finally:
        os.close(descriptor)


def _read(path: Path) -> LiveServer:
    """Who says to hold the lock; it may be about to say so."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return LiveServer(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            if time.monotonic() > until:
                return LiveServer(0, "an unknown address", 0)
            time.sleep(0.02)
