"""Values of a file that nothing gives a meaning: taken, but not in silence. Knows no mapping and no store."""

from collections import Counter

MOST_VALUES = 10
"""Different unknown values of a column that are named; further ones are only counted."""


class Unknown:
    """Values that a mapping gives no meaning, by the columns in which they stand."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Counter[str]] = {}

    def note(self, column: str, role: str, value: str) -> None:
        """One row has this value there."""
        values = self._found.setdefault((column, role), Counter())
        shown = value if len(value) <= 40 else f"{value[:39]}…"
        values[shown if shown in values or len(values) < 1_000 else "…"] += 1

    def sentences(self) -> list[str]:
        """What was found, a sentence per column."""
        told = []
        for (column, role), values in self._found.items():
            count = values.total()
            named = ", ".join(f"{value!r} ({n})" for value, n in values.most_common(MOST_VALUES))
            more = f" and {len(values) - MOST_VALUES} more" if len(values) > MOST_VALUES else ""
            rows = "1 row has" if count == 1 else f"{count:,} rows have"
            article = "an" if role[0] in "aeiou" else "a"
            told.append(
                f"{rows} {article} {role} value in {column} that the mapping does not know: {named}{more}"
            )
        return told
