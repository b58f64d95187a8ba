"""What can be in the way of working through a study."""

from rlhb_core.errors import RlhbError


class StudyClosed(RlhbError):
    """The study hands out nothing now."""


class NotInvited(RlhbError):
    """The study is not open to whoever asks."""
