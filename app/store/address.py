"""What may be said of a database's address: where it is, never how one gets in.

A password may stand in the address in several ways (before the host, among the options, with a bare @ in it), and the
driver repeats parts of an address that it cannot read. Knows no connection.
"""

import sqlalchemy as sa

from app.store.errors import StoreError

MALFORMED = (
    "the database address is malformed; use sqlite:///path or postgresql://user:password@host/name"
)
HARMLESS = frozenset({"host", "port", "dbname", "sslmode", "connect_timeout", "application_name"})
"""Options of an address whose values may be repeated."""


def parse_url(url: str) -> sa.URL:
    """The address with the driver that we ship. Raises StoreError, never repeating a part of it."""
    address = _parsed(url)
    if address is None:  # said out here, so that not even the chain of errors holds the address
        raise StoreError(MALFORMED)
    backend = address.get_backend_name()
    if backend in ("postgresql", "postgres"):
        if "@" in f"{address.host or ''}{address.database or ''}":
            raise StoreError(
                "the database address holds a second @; write one that belongs to the password as %40"
            )
        return address.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise StoreError("only SQLite and Postgres are supported; " + MALFORMED.partition("; ")[2])
    if not address.database or address.database == ":memory:":
        raise StoreError("SQLite needs a file that lasts, such as sqlite:///data/rlhb.sqlite")
    return address.set(drivername="sqlite+pysqlite")


def _parsed(url: str) -> sa.URL | None:
    try:
        return sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        return None


def shown(address: sa.URL) -> str:
    """The address as people may see it: host and name, or the file."""
    if address.get_backend_name() == "sqlite":
        return f"sqlite:///{address.database}"
    host = address.host or _option(address, "host") or "localhost"
    port = f":{address.port}" if address.port else ""
    return f"postgresql://{host}{port}/{address.database or ''}"


def without_secrets(address: sa.URL) -> tuple[sa.URL, dict[str, str]]:
    """(the address as an engine may keep and show it, options that go to the driver alone)."""
    hidden = {name: _option(address, name) for name in address.query if name not in HARMLESS}
    return address.difference_update_query(hidden), hidden


def scrubbed(text: str, address: sa.URL) -> str:
    """The text without what an address holds that others must not see."""
    _, options = without_secrets(address)
    hidden = filter(None, [str(address.password or ""), *options.values()])
    for secret in sorted(hidden, key=len, reverse=True):
        text = text.replace(secret, "(hidden)")
    return text


def _option(address: sa.URL, name: str) -> str:
    found = address.query.get(name, "")
    return found if isinstance(found, str) else ",".join(found)
