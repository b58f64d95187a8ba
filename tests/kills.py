"""A server is killed again and again while other commands work on the same data:
the one scenario of test and benchmark.

Clients with an outbox keep sending; at random moments `rlhb verify`, `rlhb export` and `rlhb simulate` run beside the
server, a second server is tried, and the server gets SIGKILL. Nothing here opens the database while all this goes on.
"""

import random
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa

from app.store import Store, signals
from app.store.tables import SIGNAL
from tests.outbox import OutboxClient, Story
from tests.scene import asked, someone
from tests.server import ServerProcess, free_port, running_server

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("verify",),
    ("export", "triplets"),
    ("simulate", "--queries", "3", "--people", "2"),
)


@dataclass
class Outcome:
    """What came of it; all but `made` and `commands` should be empty or 0."""

    made: int = 0
    lost: int = 0
    doubled: int = 0
    refused: list[str] = field(default_factory=list)
    """What clients were told for good."""
    let_in: list[str] = field(default_factory=list)
    """What second servers said that were not refused as they should."""
    tripped: list[str] = field(default_factory=list)
    """What commands said that ended as they should not."""
    unsound: list[str] = field(default_factory=list)
    """What `rlhb verify` says at the end, if anything is wrong."""
    commands: int = 0


def kill_beside_commands(
    data_dir: Path, trials: int, clients: int = 3, seed: int = 0, database_url: str = ""
) -> Outcome:
    """Kill the server `trials` times, each time beside one of the commands in turn; by default on SQLite."""
    rng = random.Random(seed)
    database = database_url or f"sqlite:///{data_dir / 'rlhb.sqlite'}"
    outcome = Outcome()
    senders: list[OutboxClient] = []
    running: list[subprocess.Popen[str]] = []
    stories = _stories(database, clients)
    with running_server(data_dir, database_url) as server:
        for story in stories:
            senders.append(OutboxClient(server, story))
            senders[-1].start()
        for trial in range(trials):
            wait_for_more(senders)
            if trial % 4 == 0:
                outcome.let_in += _try_second_server(server)
            running.append(_command(server, COMMANDS[trial % len(COMMANDS)]))
            time.sleep(rng.uniform(0.1, 3.0))
            server.kill()
            server.start()
        wait_for_more(senders)
        for sender in senders:
            sender.close()
        outcome.commands = len(running)
        outcome.tripped = [said for each in running if (said := _ending(each))]
    _count(database, senders, outcome)
    outcome.unsound = _unsound(server)
    return outcome


def wait_for_more(senders: list[OutboxClient], patience_s: float = 60) -> None:
    """Until something more is acknowledged, so that a kill comes in mid-stream."""
    before = sum(len(each.acknowledged) for each in senders)
    until = time.monotonic() + patience_s
    while sum(len(each.acknowledged) for each in senders) < before + 20:
        if time.monotonic() > until:
            raise RuntimeError("no signal was acknowledged for a minute")
        time.sleep(0.01)


def _stories(database: str, count: int) -> list[Story]:
    store = Store.open(database)
    try:
        with store.writing() as connection:
            found: list[Story] = []
            for _ in range(count):
                person = someone(connection)
                query, (response, *_) = asked(connection, person)
                found.append((person, query, response))
            return found
    finally:
        store.close()


def _command(server: ServerProcess, words: tuple[str, ...]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "app.cli", *words],
        env=server.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _ending(command: subprocess.Popen[str]) -> str:
    """What a command said if it tripped. Simulated annotators may miss their server; the others need none."""
    _, said = command.communicate(timeout=300)
    is_simulate = "simulate" in command.args  # type: ignore[operator]
    if "Traceback" in said or (command.returncode != 0 and not is_simulate):
        return f"{command.args!r}: {command.returncode}: {said[-2000:]}"
    return ""


def _try_second_server(server: ServerProcess) -> list[str]:
    """A second server on the same folder must end at once with a sentence that names the first."""
    assert server.process is not None
    ran = subprocess.run(
        [sys.executable, "-m", "app.cli", "serve"],
        env=server.environment | {"RLHB_PORT": str(free_port())},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    told = f"process {server.process.pid} at http://127.0.0.1:{server.port}" in ran.stderr
    refused = ran.returncode == 1 and told and "Traceback" not in ran.stderr
    return [] if refused else [f"{ran.returncode}: {ran.stderr[-2000:]}"]


def _count(database: str, senders: list[OutboxClient], outcome: Outcome) -> None:
    made: list[UUID] = [each for sender in senders for each in sender.made]
    acknowledged = [each for sender in senders for each in sender.acknowledged]
    people = [sender.person.id for sender in senders]
    store = Store.open(database)
    with store.reading() as connection:
        kept = len(signals.known_ids(connection, acknowledged))
        theirs = sa.select(sa.func.count()).where(SIGNAL.c.person_id.in_(people))
        stored = connection.execute(theirs).scalar_one()
    store.close()
    outcome.made = len(made)
    outcome.lost = len(made) - kept
    outcome.doubled = stored - kept
    outcome.refused = [said for sender in senders for said in sender.refused]


def _unsound(server: ServerProcess) -> list[str]:
    ran = subprocess.run(
        [sys.executable, "-m", "app.cli", "verify"],
        env=server.environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    return [] if ran.returncode == 0 else [ran.stderr[-2000:]]
