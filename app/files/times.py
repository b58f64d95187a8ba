"""Times in files to import: bounded, so that whatever is stored can be told again."""

from datetime import UTC, datetime

from rlhb_core.errors import BadRecord

LAST = datetime(2100, 1, 1, tzinfo=UTC)
"""No time of asking or answering that is true lies after this."""


def to_ms(moment: datetime, name: str) -> int:
    """Milliseconds since 1970; UTC unless the time says otherwise. Raises BadRecord for one that cannot be true."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    ms = round(moment.timestamp() * 1000)
    if ms < 0:
        raise BadRecord(f"{name}: lies before 1970")
    if ms > LAST.timestamp() * 1000:
        raise BadRecord(f"{name}: lies after the year {LAST.year}")
    return ms
