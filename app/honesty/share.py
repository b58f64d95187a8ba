"""A share of so many, with its interval. Pure numbers."""

import math

from pydantic import BaseModel, Field

Z = 1.959963984540054
"""Of the normal distribution, for 95 %."""


class Share(BaseModel):
    """So many of so many; the interval holds the true share in 95 of 100 cases."""

    count: int = Field(ge=0)
    of: int = Field(ge=0)
    low: float | None = Field(description="null: there is nothing to take a share of.")
    high: float | None

    @property
    def words(self) -> str:
        """Such as "38 of 40"."""
        return f"{self.count:,} of {self.of:,}"


def share(count: int, of: int) -> Share:
    """With the interval of Wilson (1927), which holds for few too: never below 0, never above 1."""
    if of == 0:
        return Share(count=0, of=0, low=None, high=None)
    part, spread = count / of, Z**2 / of
    middle = (part + spread / 2) / (1 + spread)
    half = Z / (1 + spread) * math.sqrt(part * (1 - part) / of + spread / (4 * of))
    return Share(count=count, of=of, low=max(0.0, middle - half), high=min(1.0, middle + half))
