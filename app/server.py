"""Runs the web app in this process: checks the port, holds the data folder, says at the end which address to open."""

import logging
import socket

import uvicorn

from app import data_folder
from app.pauses import settle
from app.settings import Settings
from rlhb_core.errors import BadConfig

log = logging.getLogger(__name__)


def run(settings: Settings) -> None:
    """Serve until interrupted. Raises BadConfig if the port is taken, FolderTaken if the data folder is."""
    data_folder.refuse_if_taken(settings)
    _check_port(settings)
    log.info("starting; the first page takes a few seconds")
    from app.doors.connections import HttpConnection, allow_many
    from app.main import create_app

    allow_many()

    with data_folder.held(settings, address(settings)):
        server = _Announcing(
            uvicorn.Config(
                create_app(settings),
                host=settings.host,
                port=settings.port,
                log_level="warning",
                http=HttpConnection,
                timeout_graceful_shutdown=5,
            ),
            settings,
        )
        server.run()


def address(settings: Settings) -> str:
    """Where a browser on this machine finds the server."""
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{settings.port}"


class _Announcing(uvicorn.Server):
    """A server that tells people where it is once it answers."""

    def __init__(self, config: uvicorn.Config, settings: Settings) -> None:
        super().__init__(config)
        self.settings = settings

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        settle()
        await super().startup(sockets)
        if self.started:
            log.info("recording into %s", self.settings.data_dir.resolve())
            log.info("RLHB Studio is ready: open %s", address(self.settings))


def _check_port(settings: Settings) -> None:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise BadConfig(
                f"cannot listen on {settings.host}:{settings.port} ({error.strerror}); "
                "choose another port: RLHB_PORT=7861 make run"
            ) from None
