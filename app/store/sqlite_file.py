"""The files of a SQLite database, seen from outside: made for their owner only, told apart from others,
missed when gone.

Nothing in a process that has the database open may open these files but SQLite itself: closing any other descriptor
of them drops SQLite's locks in that process, and then a second process removes the `-wal` under it. So everything
here goes by name (stat, chmod), and the one file that is created is created before SQLite knows of it.
Knows no table and no statement.
"""

import os
import time
from pathlib import Path
from urllib.parse import quote

from app.store.errors import Lost, StoreError

PRIVATE = 0o600
SIDES = ("-wal", "-shm")
PATIENCE_S = 3.0
"""How long a server that is just starting may take until its `-wal` is there."""

Identity = tuple[int, int]
"""Device and number of a file: another file under the same name has another."""


def address(path: str, mode: str) -> str:
    """The file as SQLite's URI; `mode` is ro or rw, never one that creates."""
    return f"file:{quote(str(Path(path).absolute()))}?mode={mode}"


def make(path: Path) -> None:
    """Create the file, for its owner only, unless it is there; mend the permissions of one that is."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, PRIVATE))
        except FileExistsError:
            keep_private(path)
    except (FileExistsError, NotADirectoryError):
        raise StoreError(
            f"{path.parent} is a file where a folder must be; choose another"
        ) from None
    except OSError as error:
        raise StoreError(
            f"the database file {path} cannot be made ({error.strerror}); check the folder's owner and permissions"
        ) from None
    if path.is_dir():
        raise StoreError(f"{path} is a folder where the database file must be; choose another")


def keep_private(path: Path) -> None:
    """Take from others what they may do with the database and the files beside it."""
    for file in (path, *(Path(f"{path}{side}") for side in SIDES)):
        try:
            if file.stat().st_mode & 0o077 and file.is_file():
                file.chmod(PRIVATE)
        except OSError:
            continue  # not there, or not ours to change


def identity(path: str) -> Identity | None:
    """Which file lies under this name; None if there is none."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def belongs_to(path: str, other: Path) -> bool:
    """Whether `other` is the database or one of the files beside it."""
    theirs = identity(str(other))
    return theirs is not None and theirs in {identity(f"{path}{side}") for side in ("", *SIDES)}


def has_wal(path: str, patience_s: float = PATIENCE_S) -> bool:
    """Whether the `-wal` is there, or comes within a while. While a server has the database open, it must be."""
    until = time.monotonic() + patience_s
    while identity(f"{path}-wal") is None:
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


class Watch:
    """Remembers which files were opened, and says when others, or none, lie in their place. Costs two looks."""

    def __init__(self, path: str) -> None:
        self._files = {name: identity(name) for name in (path, f"{path}-wal")}

    def check(self) -> None:
        """Raise Lost if what is written now would go into a file that nobody finds again."""
        for name, opened in self._files.items():
            if identity(name) != opened:
                raise Lost(
                    "the database file was deleted or replaced while it was in use, so nothing more is stored; "
                    "stop the server, put the data folder back, then start it again"
                )
