"""A worker for the test of `turns`: prints what libraries may print, or does what a worker must not do.

`python -m tests.bench.noisy_worker prints|ends|hangs`.
"""

import os
import sys
import threading

from tests.bench.turns import serve


def main() -> None:
    """Be noisy, then serve; or not."""
    print('{"ready": "not yet"}', flush=True)
    os.write(1, b"x" * 200_000)  # more than a pipe holds
    print("half a line without its end", end="", flush=True)
    print("and one that is kept back", end="")
    if sys.argv[1] == "ends":
        sys.exit("no such model")
    if sys.argv[1] == "hangs":
        threading.Event().wait()

    def work() -> float:
        print('{"cpu_s": -1}', "\n{", end="", flush=True)
        return 7

    serve(work)


if __name__ == "__main__":
    main()
