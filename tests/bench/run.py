"""`make bench`: runs every benchmark, prints the table, writes docs/bench/results.json.

A benchmark is a module `bench_*.py` here with `rows() -> list[dict]`; `row(...)` below makes one. Speed is shown as
measured on the named machine; where there is a peer, the ratio above 1 means that we are better.
"""

import argparse
import importlib
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[2] / "docs" / "bench" / "results.json"


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


def main() -> None:
    """Run the benchmarks named on the command line, or all; keep the old rows of those not run."""
    here = Path(__file__).parent
    known = sorted(path.stem for path in here.glob("bench_*.py"))
    parser = argparse.ArgumentParser(description="Run the benchmarks.")
    parser.add_argument("names", nargs="*", help=f"some of: {', '.join(known)}; default: all")
    names = parser.parse_args().names or known
    if unknown := set(names) - set(known):
        sys.exit(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    kept = {r["name"]: r for r in json.loads(RESULTS.read_text())} if RESULTS.exists() else {}
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        for measured in importlib.import_module(f"tests.bench.{name}").rows():
            kept[measured["name"]] = measured
            print(line(measured), flush=True)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(sorted(kept.values(), key=lambda r: r["name"]), indent=2) + "\n")


def line(measured: dict[str, Any]) -> str:
    """A row in words."""
    text = f"{measured['name']:36} {measured['value']:>12,} {measured['unit']}"
    if measured["peer"]:
        text += f"   {measured['peer']}: {measured['peer_value']:,}   ratio {measured['ratio']}"
    return text


if __name__ == "__main__":
    main()
