"""Where other people's implementations are: installed aside, once, so that they never become ours."""

import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

TRL = "trl==1.12.0"


def trl_folder() -> Path:
    """A folder with TRL 1.12 and nothing else; another release may be installed beside us."""
    folder = Path(tempfile.gettempdir()) / "rlhb-bench-trl"
    if not (folder / "trl").is_dir():
        pip = [sys.executable, "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, "--no-deps", "--target", str(folder), TRL], check=True)
        if importlib.util.find_spec("datasets") is None:
            subprocess.run([*pip, "datasets"], check=True)
    return folder
