"""Print what the global intercept adds to a call and to an execution, beside that of airlock-py.

Both run against Celery's in-memory broker, where there is no network for the cost to hide behind.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

from run import PEER, ROUNDS, peer_environment

PROGRAM = Path(__file__).with_name("measure_intercept.py")


def celery_for_the_peer() -> None:
    """Give the peer's environment the Celery that is installed here."""
    from celery import __version__

    pip = [sys.executable, "-m", "pip", "--python", str(PEER), "install", "--quiet"]
    subprocess.run([*pip, f"celery=={__version__}"], check=True)


def measured(python: Path | str) -> dict[str, list[float]]:
    done = subprocess.run([str(python), str(PROGRAM)], check=True, capture_output=True, text=True)
    figures: dict[str, list[float]] = json.loads(done.stdout)
    return figures


def main() -> None:
    peer_environment()
    celery_for_the_peer()
    rounds = [(measured(sys.executable), measured(PEER)) for _ in range(ROUNDS)]
    print(f"{f'median of {ROUNDS} rounds':34}{'plain':>10}{'airlock':>18}{'airlock-py':>18}")
    for name in rounds[0][0]:
        plain = statistics.median(own[name][0] for own, _ in rounds)
        columns = []
        for library in (0, 1):
            pairs = [round_[library][name] for round_ in rounds]
            ratio = statistics.median(after / before for before, after in pairs)
            added = statistics.median(after - before for before, after in pairs)
            columns.append(f"{ratio:>8.2f}x {added / 1000:+6.1f} us")
        print(f"{name:34}{plain / 1000:>7.1f} us{columns[0]:>18}{columns[1]:>18}")


if __name__ == "__main__":
    main()
