"""Twenty times: a real server on SQLite is killed (SIGKILL) in mid-stream; what was acknowledged must be there, once."""

import random
import tempfile
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app.store import Store, signals
from app.store.tables import SIGNAL
from tests.bench.run import row
from tests.outbox import OutboxClient
from tests.scene import asked, someone
from tests.server import running_server

TRIALS = 20
CLIENTS = 5


def rows() -> list[dict[str, Any]]:
    """Acknowledged signals that a kill lost, and signals stored twice; both must be 0."""
    lost = 0
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder)
        url = f"sqlite:///{data_dir / 'rlhb.sqlite'}"
        store = Store.open(url)
        with running_server(data_dir, url) as server:
            clients = []
            for _ in range(CLIENTS):
                with store.session() as session:
                    person = someone(session)
                    query, (response, *_) = asked(session, person)
                clients.append(OutboxClient(server, (person, query, response)))
                clients[-1].start()
            for _ in range(TRIALS):
                time.sleep(random.uniform(0.2, 1.0))
                server.kill()
                time.sleep(0.1)  # answers that were on their way
                ids = [each for client in clients for each in list(client.acknowledged)]
                with store.reading() as session:
                    lost += len(ids) - len(signals.known_ids(session, ids))
                server.start()
            for client in clients:
                client.close()
        made = [each for client in clients for each in client.made]
        with store.reading() as session:
            total = session.execute(sa.select(sa.func.count()).select_from(SIGNAL)).scalar_one()
            kept = len(signals.known_ids(session, made))
        store.close()
    if any(client.refused for client in clients):
        raise RuntimeError(f"refused: {[client.refused for client in clients]}")
    return [
        row("signals_lost_in_20_kills", lost + len(made) - kept, "signals"),
        row("signals_doubled_in_20_kills", total - kept, "signals"),
        row("signals_made_in_20_kills", len(made), "signals"),
    ]
