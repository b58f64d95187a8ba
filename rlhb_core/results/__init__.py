"""What people's choices say, with how sure it is: strengths of versions, and how far people agree.

Numbers in, numbers out: knows no store, no model and no page.
"""

from rlhb_core.results.agreement import Coefficient, agreement, alpha, cohen, fleiss
from rlhb_core.results.choices import Choice, Choices
from rlhb_core.results.strength import Strength, Undetermined, rank
from rlhb_core.results.ties import with_ties

__all__ = [
    "Choice",
    "Choices",
    "Coefficient",
    "Strength",
    "Undetermined",
    "agreement",
    "alpha",
    "cohen",
    "fleiss",
    "rank",
    "with_ties",
]
