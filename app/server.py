"""Runs the web app in this process: checks the port first, and says at the end which address to open."""

import logging
import socket

import uvicorn

from app.settings import Settings
from rlhb_core.errors import BadConfig

log = logging.getLogger(__name__)


def run(settings: Settings) -> None:
    """Serve until interrupted. Raises BadConfig if the port is taken."""
    _check_port(settings)
    log.info("starting; the first page takes a few seconds")
    from app.main import create_app

    server = _Announcing(
        uvicorn.Config(
            create_app(settings),
            host=settings.host,
            port=settings.port,
            log_level="warning",
            timeout_graceful_shutdown=5,
        ),
        settings,
    )
    server.run()


class _Announcing(uvicorn.Server):
    """A server that tells people where it is once it answers."""

    def __init__(self, config: uvicorn.Config, settings: Settings) -> None:
        super().__init__(config)
        self.settings = settings

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            host = "127.0.0.1" if self.settings.host in ("0.0.0.0", "::") else self.settings.host  # noqa: S104
            host = f"[{host}]" if ":" in host else host
            log.info("recording into %s", self.settings.data_dir.resolve())
            log.info("RLHB Studio is ready: open http://%s:%d", host, self.settings.port)


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
