"""How much each row of a log weighs, so that nobody speaks for all. Pure numbers."""

from collections import Counter
from collections.abc import Sequence


def person_weights(people: Sequence[str | None], share: float) -> list[float]:
    """Weights under which no person has more than `share` of the total; rows without a person keep 1.

    With fewer people than 1 / share nobody can be kept below it: then all count alike.
    """
    counts = Counter(person for person in people if person is not None)
    if None not in people:
        share = max(share, 1 / max(1, len(counts)))
    rest = float(len(people))
    # taking weight off one person raises everyone else's share; with the busiest `bounded` people at the bound it is
    # that share of what they and the rest weigh together
    for bounded, count in enumerate([*sorted(counts.values(), reverse=True), 0]):
        bound = share * rest / (1 - share * bounded)
        if count <= bound * (1 + 1e-9):
            break
        rest -= count
    return [1.0 if person is None else min(1.0, bound / counts[person]) for person in people]
