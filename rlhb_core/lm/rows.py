"""What is asked of the decoder, and how it ended: one row of a batch. Knows no model."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One answer to write."""

    query: str
    """Packed with what went before it (`schema.history`), if anything did."""
    behavior: str | None = None
    so_far: str = ""
    """What of the answer stands already: it goes on from there."""
    adapter: str | None = None
    temperature: float = 1.0
    max_new_tokens: int = 256
    seed: int | None = None
    """Given, the same row gives the same text again; None draws anew."""


@dataclass(frozen=True)
class Finished:
    """How a row ended."""

    text: str
    tokens: int
    """New tokens, the end token not counted."""
    truncated: bool
    """Cut at the longest length, or stopped, before the model ended it."""
    error: str = ""
    """What went wrong, in a sentence; empty if nothing did."""
    left_out: int = 0
    """How many of the oldest turns before the question the model was not given."""
