"""The training core of RLHB Studio: records, behaviours, models, the adversarial loop, verdicts, figures.

Knows no web framework and no SQL. Works without the web app: `python -m rlhb_core.train RUN_DIR`.
"""

__version__ = "0.1.0"
