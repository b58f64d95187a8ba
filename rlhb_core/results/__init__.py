"""What people's choices say, with how sure it is: strengths of versions, how far people agree, what tells who won.

Numbers in, numbers out: knows no store, no model and no page.
"""

from rlhb_core.results.agreement import Coefficient, Level, Unit, agreement, alpha, cohen, fleiss
from rlhb_core.results.choices import Choice, Choices
from rlhb_core.results.controlled import Controlled, Dressed, controlled
from rlhb_core.results.foresight import Foreseen, foresight
from rlhb_core.results.pairs import Apart, Met, apart, met, side_by_side
from rlhb_core.results.shares import Share, share
from rlhb_core.results.strength import Strength, Undetermined, fit, rank, rating, sandwich
from rlhb_core.results.telling import Telling, telling
from rlhb_core.results.ties import rank_with_ties, with_ties

__all__ = [
    "Apart",
    "Choice",
    "Choices",
    "Coefficient",
    "Controlled",
    "Dressed",
    "Foreseen",
    "Level",
    "Met",
    "Share",
    "Strength",
    "Telling",
    "Undetermined",
    "Unit",
    "agreement",
    "alpha",
    "apart",
    "cohen",
    "controlled",
    "fit",
    "fleiss",
    "foresight",
    "met",
    "rank",
    "rank_with_ties",
    "rating",
    "sandwich",
    "share",
    "side_by_side",
    "telling",
    "with_ties",
]
