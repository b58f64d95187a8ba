"""Why somebody cannot come in."""

from rlhb_core.errors import RlhbError


class WrongPassword(RlhbError):
    """Name or password is wrong."""


class Deactivated(RlhbError):
    """They are who they say, but may not come in any more."""


class BadLink(RlhbError):
    """The link was used up, is too old, or never was one."""


class NotInvited(RlhbError):
    """A provider outside knows them, but nobody here does."""
