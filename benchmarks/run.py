"""Print how many times faster or slower than airlock-py this library is, from interleaved rounds.

The peer has an environment of its own in `.bench`, since both are imported as `airlock`.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PEER = ROOT / ".bench" / "bin" / "python"
ROUNDS = 7


def peer_environment() -> None:
    """Install the peer from the package index, once."""
    if PEER.exists():
        return
    folder = PEER.parent.parent
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(PEER), "install", "--quiet"]
    subprocess.run([*pip, "airlock-py"], check=True)


def measured(python: Path | str, plugins: str = "") -> dict[str, float]:
    """Run one round, with these plugins."""
    program = ROOT / "benchmarks" / "measure.py"
    done = subprocess.run(
        [str(python), str(program)],
        check=True,
        capture_output=True,
        text=True,
        cwd=program.parent,
        env={**os.environ, "AIRLOCK_PLUGINS": plugins},
    )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def main() -> None:
    peer_environment()
    rounds = [(measured(sys.executable), measured(PEER)) for _ in range(ROUNDS)]
    print(f"{f'median of {ROUNDS} rounds':38}{'airlock':>12}{'airlock-py':>12}{'faster':>14}")
    for name in rounds[0][0]:
        ours = [round_[0][name] for round_ in rounds]
        peers = [round_[1][name] for round_ in rounds]
        ratios = sorted(peer / own for own, peer in zip(ours, peers, strict=True))
        spread = f"{ratios[0]:.2f}-{ratios[-1]:.2f}"
        print(
            f"{name:38}{statistics.median(ours):>9,.0f} ns{statistics.median(peers):>9,.0f} ns"
            f"{statistics.median(ratios):>5.2f}x {spread}"
        )


if __name__ == "__main__":
    main()
