"""Several answers at once as one stream of chunks, whatever writes each of them.

Jobs on the same base model become one batch; each remote job runs beside them; none waits for another.
Does not know how either kind writes.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress

from app.serving import jobs as j
from app.serving.jobs import Chunk, Deliver, Job
from app.serving.local import LocalModels, Ticket
from app.serving.remote import RemoteFailure, RemoteServers
from app.settings import Settings
from app.store import Store, versions
from rlhb_core.records import Serving as Kind

log = logging.getLogger(__name__)


class Serving:
    """The model versions, ready to answer."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._local = LocalModels(settings)
        self._remote = RemoteServers(settings.remote_timeout_s)

    def warm(self) -> None:
        """Begin to load what is served, so that the first query does not wait for it. Returns at once."""
        with self._store.reading() as session:
            bases = {v.base for v in versions.served(session) if v.serving is Kind.LOCAL}
        for base in bases:
            self._local.warm(base)

    async def stream(self, jobs: Sequence[Job]) -> AsyncGenerator[Chunk, None]:
        """The answers to all jobs, chunk by chunk as they are written; the last chunk of each job has its end.

        Failures are ends, never exceptions. Closing the generator early lets unfinished answers go.
        """
        loop = asyncio.get_running_loop()
        chunks: asyncio.Queue[Chunk] = asyncio.Queue()

        def deliver(chunk: Chunk) -> None:
            with suppress(RuntimeError):  # the loop has ended: nobody is left to hear it
                loop.call_soon_threadsafe(chunks.put_nowait, chunk)

        tickets = self._submit_local(jobs, deliver)
        tasks = [
            asyncio.create_task(self._run_remote(index, job, deliver))
            for index, job in enumerate(jobs)
            if job.version.serving is not Kind.LOCAL
        ]
        try:
            unfinished = set(range(len(jobs)))
            while unfinished:
                chunk = await chunks.get()
                if chunk.job not in unfinished:
                    continue
                if chunk.end is not None:
                    unfinished.discard(chunk.job)
                yield chunk
        finally:
            for ticket in tickets:
                ticket.cancelled.set()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def close(self) -> None:
        """Stop what is being written and let go of the models."""
        self._local.close()

    def _submit_local(self, jobs: Sequence[Job], deliver: Deliver) -> list[Ticket]:
        by_base: dict[str, list[tuple[int, Job]]] = defaultdict(list)
        for index, job in enumerate(jobs):
            if job.version.serving is Kind.LOCAL:
                by_base[job.version.base].append((index, job))
        tickets = []
        for base, found in by_base.items():
            ticket = Ticket(found, deliver)
            self._local.submit(base, ticket)
            tickets.append(ticket)
        return tickets

    async def _run_remote(self, index: int, job: Job, deliver: Deliver) -> None:
        text = ""
        try:
            async for piece in self._remote.stream(job):
                text += piece
                deliver(Chunk(index, text=piece))
            end = j.ended(text)
        except RemoteFailure as failure:
            end = j.failed(str(failure))
        except Exception:
            log.exception("a remote answer failed")
            end = j.failed(
                "The model server failed. Ask again; the details are in the server's log."
            )
        deliver(Chunk(index, end=end))
