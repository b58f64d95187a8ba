"""`python -m app.engine OPTIONS`: the model process, its options as JSON (`EngineOptions`)."""

import logging
import sys

from app.engine.options import EngineOptions

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s models: %(message)s")
    for chatty in ("httpx", "httpx2"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    options = EngineOptions.model_validate_json(sys.argv[1])
    from app.engine.server import run

    run(options)
