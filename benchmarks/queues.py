"""Print what 1,000 intents cost on each queue, beside a loop of the queue library's own call.

Beside them stands the library's own call for many, where it has one, and airlock-py, where that has
an executor. On the loopback, and through a link whose answers come 1 ms later. BENCH_SIZE,
BENCH_ROUNDS and BENCH_LINK_MS say it otherwise; BENCH_AMQP_URL is a RabbitMQ to measure, too.
Names of libraries as arguments choose among them.
"""

from __future__ import annotations

import importlib
import json
import statistics
import subprocess
import sys
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

from brokers import BROKERS
from measure_queues import LINK, ROUNDS, SIZE
from run import PEER, peer_environment

PROGRAM = Path(__file__).with_name("measure_queues.py")

#: Each is a module in `libraries`, with what there is to know of one queue library.
LIBRARIES = ["celery_tasks", "rq_jobs", "dramatiq_actors", "huey_tasks"]

Figures = dict[str, dict[str, Any]]


def libraries_for_the_peer() -> None:
    """Give the peer's environment the versions that are installed here."""
    names = ["celery", "kombu", "redis", "packaging", "dramatiq", "pika"]
    pip = [sys.executable, "-m", "pip", "--python", str(PEER), "install", "--quiet"]
    subprocess.run([*pip, *(f"{name}=={version(name)}" for name in names)], check=True)


def measured(python: Path | str, library: str, address: str) -> Figures | None:
    """Measure a library; where it fails, say so, and go on with the others."""
    command = [str(python), str(PROGRAM), library, address]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print(f"{' '.join(command)} failed:\n{done.stderr}", file=sys.stderr)
        return None
    figures: Figures = json.loads(done.stdout)
    return figures


def cells(figures: Figures | None, link: str, way: str) -> str:
    """Say what a message takes, how many times faster that is than the loop, and the spread."""
    if figures is None or way not in figures[link]:
        return f"{'':32}"
    taken, loop = figures[link][way], figures[link]["loop"]
    ratios = sorted(one / other for one, other in zip(loop, taken, strict=True))
    spread = f"{ratios[0]:.1f}-{ratios[-1]:.1f}"
    trips = f"{figures['round trips'][way]:,.0f}"
    return (
        f"{statistics.median(taken):>8,.0f}{statistics.median(ratios):>7.1f}x {spread:>9}{trips:>6}"
    )


def show(title: str, own: Figures, peer: Figures | None) -> None:
    for link, name in (("loopback", "loopback"), ("slow", f"{LINK * 1000:g} ms")):
        loop = statistics.median(own[link]["loop"])
        trips = own["round trips"]["loop"]
        columns = [cells(own, link, "airlock"), cells(own, link, "bulk")]
        columns.append(cells(peer, link, "airlock"))
        print(f"{title:18}{name:>9}{loop:>8,.0f}{trips:>7,.0f}{''.join(columns)}".rstrip())


def main() -> None:
    peer_environment()
    libraries_for_the_peer()
    print(f"{SIZE:,} messages, medians of {ROUNDS} rounds: µs for one, times faster than the loop,")
    print("the least and the most of the rounds, and round trips for all")
    columns = "".join(f"{name:>32}" for name in ("airlock", "its own bulk", "airlock-py"))
    print(f"{'':27}{'loop':>8}{'trips':>7}{columns}")
    failed = False
    with ExitStack() as stack:
        addresses = {scheme: stack.enter_context(start()) for scheme, start in BROKERS.items()}
        for library in sys.argv[1:] or LIBRARIES:
            module = importlib.import_module(f"libraries.{library}")
            for scheme in module.BROKERS:
                if (address := addresses[scheme]) is None:
                    continue
                own = measured(sys.executable, library, address)
                peer = measured(PEER, library, address) if module.PEER else None
                failed = failed or own is None
                if own is not None:
                    show(f"{library.partition('_')[0]} on {scheme}", own, peer)
    sys.exit(failed)


if __name__ == "__main__":
    main()
