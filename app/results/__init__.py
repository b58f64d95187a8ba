"""Results: which versions people prefer and how sure that is, whether people agree, what sways them, and what they do.

Reads the store anew each time, so that they are right while people vote. The arithmetic is `rlhb_core.results`.

Holds what the rest of the app may use; the rest of this folder is private.
"""

from app.results.acts import Acts, acts_of
from app.results.agreeing import Agreement, agreement_of
from app.results.biases import Biases, biases_of
from app.results.figures import figures_of
from app.results.ranking import Ranking, ranking_of
from app.results.report import TITLES, as_page, sentences_of
from app.results.tables import OF, TABLES, Found, as_csv, rows_of
from app.results.wanted import Control, Ties, Wanted, usual_sources

__all__ = [
    "OF",
    "TABLES",
    "TITLES",
    "Acts",
    "Agreement",
    "Biases",
    "Control",
    "Found",
    "Ranking",
    "Ties",
    "Wanted",
    "acts_of",
    "agreement_of",
    "as_csv",
    "as_page",
    "biases_of",
    "figures_of",
    "ranking_of",
    "rows_of",
    "sentences_of",
    "usual_sources",
]
