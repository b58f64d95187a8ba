"""`python -m rlhb_core RUN_DIR [--resume]`: trains one run, graded by the embedded world if it lives there."""

import sys

from rlhb_core.train.loop import main
from rlhb_core.world.examination import WorldExaminer

if __name__ == "__main__":
    sys.exit(main(WorldExaminer()))
