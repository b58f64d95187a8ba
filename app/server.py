"""Runs the web app in this process: checks the port, holds the data folder, says at the end which address to open."""

import logging
import socket
import ssl
import sys
from typing import Any

import uvicorn
from starlette.concurrency import run_in_threadpool

from app import data_folder
from app.pauses import settle
from app.people import first_link
from app.settings import Settings
from app.store import Store
from rlhb_core.errors import BadConfig

log = logging.getLogger(__name__)


def run(settings: Settings) -> None:
    """Serve until interrupted. Raises BadConfig if the port is taken, FolderTaken if the data folder is."""
    data_folder.refuse_if_taken(settings)
    _check_port(settings)
    _check_certificate(settings)
    log.info("starting; the first page takes a few seconds")
    from app.doors.connections import HttpConnection, allow_many
    from app.main import create_app

    allow_many()

    with data_folder.held(settings, address(settings)):
        app = create_app(settings)
        server = _Announcing(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                log_level="warning",
                http=HttpConnection,
                timeout_graceful_shutdown=5,
                server_header=False,
                **_front(settings),
            ),
            settings,
            app.state.store,
        )
        server.run()


def address(settings: Settings) -> str:
    """Where a browser on this machine finds the server."""
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104
    host = f"[{host}]" if ":" in host else host
    return f"{'https' if settings.tls_certificate else 'http'}://{host}:{settings.port}"


def tell_first_link(settings: Settings, store: Store) -> None:
    """Print the link that makes the first administrator, if there is none: on the screen, and in no log."""
    given = first_link(store)
    if given is not None:
        scheme = "https" if settings.speaks_tls else "http"
        where = settings.origin or f"{scheme}://<the name that people open>"
        sys.stdout.write(
            "\nNobody can sign in yet. This link makes the first administrator, once, within a day; whoever has\n"
            f"it can do that. Open it in the browser that you have used so far, if what was done there is yours:\n\n"
            f"    {where}{given.path}\n\n"
        )
        sys.stdout.flush()


def _front(settings: Settings) -> dict[str, Any]:
    """What uvicorn is told of TLS and of proxies."""
    if settings.tls_certificate:
        return {
            "ssl_certfile": settings.tls_certificate,
            "ssl_keyfile": settings.tls_key,
            "proxy_headers": False,
        }
    if settings.behind_proxy:
        return {"proxy_headers": True, "forwarded_allow_ips": settings.proxies}
    return {"proxy_headers": not settings.team}


class _Announcing(uvicorn.Server):
    """A server that tells people where it is once it answers."""

    def __init__(
        self, config: uvicorn.Config, settings: Settings, store: Store | None = None
    ) -> None:
        super().__init__(config)
        self.settings = settings
        self.store = store

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        settle()
        await super().startup(sockets)
        if self.started:
            log.info("recording into %s", self.settings.data_dir.resolve())
            log.info(
                "RLHB Studio is ready: open %s", self.settings.origin or address(self.settings)
            )
            if self.settings.team and self.store is not None:
                await run_in_threadpool(tell_first_link, self.settings, self.store)


def _check_certificate(settings: Settings) -> None:
    if settings.tls_certificate is None or settings.tls_key is None:
        return
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(settings.tls_certificate, settings.tls_key, password="")
    except (OSError, ValueError) as error:  # an SSLError is an OSError, too
        why = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        raise BadConfig(
            f"the certificate {settings.tls_certificate} with the key {settings.tls_key} cannot be used ({why}); both "
            "are PEM, they belong together, and the key has no passphrase"
        ) from None


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
