"""The training core of RLHB Studio: records, behaviours, models, the adversarial loop, verdicts, figures.

Knows no web framework and no SQL. Works without the web app: `python -m rlhb_core RUN_DIR`. What stands on its upper
floors and is known to the lower ones by name only is put in here.
"""

from pathlib import Path

from rlhb_core import teachers as teachers  # they add settings, metrics and plots of their own
from rlhb_core.lm import bases

__version__ = "0.1.0"

bases.register("embedded", Path(__file__).parent / "world" / "embedded" / "base")
