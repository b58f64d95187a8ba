"""`make bench`: runs every benchmark, prints the table, writes docs/bench/results.json.

A benchmark is a module `bench_*.py` here with `rows() -> list[dict]`; `row(...)` below makes one. Speed is shown as
measured on the named machine; where there is a peer, the ratio above 1 means that we are better.

Each runs in a process of its own and has `PATIENCE_S` for it. One that fails or takes
longer is named at the end, and the exit status is 1; the rows of the others are written all the same.
"""

import argparse
import importlib
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "bench" / "results.json"
PATIENCE_S = 3600.0
"""Longest time for one benchmark."""
TIDY_UP_S = 30.0
"""Then it may end the servers that it has started, before it is killed with them."""


def machine() -> str:
    """The machine in words, without its name."""
    model = platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.partition(":")[2].strip()
            for line in info.read_text().splitlines()
            if "model name" in line
        ]
        model = names[0] if names else model
    return f"{os.cpu_count()} cores, {model}, Python {platform.python_version()}"


def row(
    name: str,
    value: float,
    unit: str,
    peer: str | None = None,
    peer_value: float | None = None,
    ratio: float | None = None,
) -> dict[str, Any]:
    """One line of the table."""
    return {
        "name": name,
        "value": round(value, 4),
        "unit": unit,
        "peer": peer,
        "peer_value": None if peer_value is None else round(peer_value, 4),
        "ratio": None if ratio is None else round(ratio, 4),
        "machine": machine(),
        "date": datetime.now(UTC).date().isoformat(),
    }


def table_line(measured: dict[str, Any]) -> str:
    """A row in words."""
    text = f"{measured['name']:36} {measured['value']:>12,} {measured['unit']}"
    if measured["peer"]:
        text += f"   {measured['peer']}: {measured['peer_value']:,}   ratio {measured['ratio']}"
    return text


class Failed(Exception):
    """A benchmark that gave no rows."""


def measure(module: str, patience_s: float) -> list[dict[str, Any]]:
    """The rows of a benchmark, which runs in a process group of its own so that nothing of it is left."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "rows.json"
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.run", "--rows-of", module, "--into", str(result)],
            cwd=ROOT,
            start_new_session=True,
        )
        try:
            status = process.wait(patience_s)
        except subprocess.TimeoutExpired:
            raise Failed(f"took longer than {patience_s:.0f} s") from None
        finally:
            _end(process)
        if status:
            raise Failed(f"ended with status {status}; what it said is above")
        rows: list[dict[str, Any]] = json.loads(result.read_text())
        return rows


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a benchmark and all that it has started: by an interrupt first, so that it may tidy up."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(TIDY_UP_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def keep(results: Path, measured: list[dict[str, Any]]) -> None:
    """Write these rows beside those of benchmarks that were not run."""
    kept = {r["name"]: r for r in json.loads(results.read_text())} if results.exists() else {}
    kept |= {r["name"]: r for r in measured}
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_text(json.dumps(sorted(kept.values(), key=lambda r: r["name"]), indent=2) + "\n")


def run(modules: list[str], results: Path = RESULTS, patience_s: float = PATIENCE_S) -> list[str]:
    """Run them one after the other; returns the failures, a sentence each."""
    failures = []
    for module in modules:
        print(f"{module} ...", file=sys.stderr, flush=True)
        try:
            rows = measure(module, patience_s)
        except Failed as error:
            failures.append(f"{module} {error}")
            print(failures[-1], file=sys.stderr, flush=True)
            continue
        for each in rows:
            print(table_line(each), flush=True)
        keep(results, rows)
    return failures


def main() -> None:
    """Run the benchmarks named on the command line, or all; keep the old rows of those not run."""
    known = sorted(path.stem for path in Path(__file__).parent.glob("bench_*.py"))
    parser = argparse.ArgumentParser(description="Run the benchmarks.")
    parser.add_argument("names", nargs="*", help=f"some of: {', '.join(known)}; default: all")
    parser.add_argument("--rows-of", help=argparse.SUPPRESS)  # what `measure` runs
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.rows_of:
        wanted.into.write_text(json.dumps(importlib.import_module(wanted.rows_of).rows()))
        return
    names = wanted.names or known
    if unknown := set(names) - set(known):
        sys.exit(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    if failures := run([f"tests.bench.{name}" for name in names]):
        sys.exit("\n".join(["not measured:", *failures]))


if __name__ == "__main__":
    main()
