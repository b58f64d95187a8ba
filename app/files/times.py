"""Times in files to import: bounded, so that whatever is stored can be told again."""

from contextlib import suppress
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


MILLISECONDS = 1e11
"""Numbers from this on are milliseconds: as seconds they would lie in the year 5138."""


def read_time(text: str, name: str) -> int:
    """ISO 8601, or a number of seconds or milliseconds since 1970, as milliseconds. Raises BadRecord."""
    is_day = len(text) == 8 and text.isdecimal()  # 20260102, as ISO 8601 has it, too
    with suppress(ValueError, OverflowError):
        told = float("nan" if is_day else text)
        return to_ms(
            datetime.fromtimestamp(told / (1000 if told >= MILLISECONDS else 1), UTC), name
        )
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadRecord(
            f"{name}: not a time of the format ISO 8601, nor seconds since 1970"
        ) from None
    return to_ms(moment, name)
