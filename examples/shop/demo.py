"""`make demo`: a real shop, a real worker, real requests; what left, what was held back, and why.

Prints a table and checks it. Exits with 0 where everything is as it must be, otherwise with 1.
"""

import argparse
import importlib.metadata
import io
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from uuid import uuid4

from backstage.checks import Check, Played, Reading, whole_checks
from backstage.page import Page
from backstage.programs import DemoError
from backstage.queues import QUEUES
from backstage.scenarios import QUERIES, Request, Scenario, scenarios
from backstage.stage import Stage


def play(scenario: Scenario, stage: Stage) -> Played:
    """Do to the shop what the scenario says, and look at it right afterwards."""
    before = len(stage.evidence.asked())
    brought = printed = ""
    if isinstance(scenario.act, Request):
        brought = uuid4().hex
        answer = f"status {stage.post(scenario.act.path, scenario.act.form, brought)}"
    else:
        code, printed = stage.manage(*scenario.act.arguments)
        answer = f"exit code {code}"
    return Played(
        scenario,
        brought,
        answer,
        tuple(line.strip() for line in printed.splitlines()),
        {name: tuple(stage.evidence.rows(QUERIES[name])) for name in scenario.rows},
        tuple(stage.evidence.asked()[before:]),
    )


def show(number: int, played: Played, reading: Reading, page: Page) -> None:
    """Print a scenario and its checks."""
    page.heading(f"{number}  {played.scenario.title}")
    page.check(f"{played.scenario.act}  →  {played.answer}", played.answer_check())
    for line in played.printed[-12:]:
        page.line(f"   │ {line}")
    page.effects(played.effect_checks(reading))
    page.line()
    for text, check in played.other_checks().items():
        page.check(text, check)


def show_whole(played: list[Played], reading: Reading, page: Page) -> None:
    """Print what holds for everything together."""
    intents = [intent for one in played for line in one.audit for intent in line["intents"]]
    left = sum(intent["state"] == "dispatched" for intent in intents)
    page.heading("Altogether")
    page.line(
        f"   asked for: {len(intents)}   left: {left}   held back: {len(intents) - left}   "
        f"executed: {reading.executed.total()}"
    )
    page.line()
    for text, check in whole_checks(reading, played).items():
        page.check(text, check)


def _players(queue: str) -> str:
    django, version = map(importlib.metadata.version, ("Django", queue))
    worker, broker = f"{QUEUES[queue].title} {version} worker", QUEUES[queue].broker
    return f"Django {django} serves, {worker} works, the broker is {broker}."


def _others(queue: str) -> str:
    commands = " · ".join(f"make demo QUEUE={other}" for other in QUEUES if other != queue)
    return f"The same shop on another queue: {commands}"


def run(folder: Path, queue: str, patience: float, page: Page) -> None:
    """Play every scenario, end what acts, and only then judge."""
    stage = Stage(folder, queue)
    start = time.monotonic()
    try:
        with stage:
            page.line(f"The shop is open after {time.monotonic() - start:.1f} s.")
            page.line(_players(queue))
            page.line(_others(queue))
            played = [play(scenario, stage) for scenario in scenarios(queue)]
            stage.wait_for_worker(patience)
            stage.close()
            reading = Reading(stage.evidence)
        for number, one in enumerate(played, 1):
            show(number, one, reading, page)
        show_whole(played, reading, page)
    except DemoError as error:
        page.check(str(error), Check("it stopped there", "the demo goes on to its end"))
    if page.failed:
        page.line()
        page.line(stage.logs())
    page.line()
    verdict = f"FAIL: {page.failed} of" if page.failed else "PASS: all"
    page.line(f"{verdict} {page.checks} checks, in {time.monotonic() - start:.1f} s")


def main() -> int:
    """Read the options, run in a folder of its own, remove it; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--queue", choices=QUEUES, default="celery", help="the queue of the shop (default: celery)"
    )
    parser.add_argument("--keep", action="store_true", help="keep the folder with data and logs")
    parser.add_argument(
        "--patience",
        type=float,
        default=15,
        metavar="SECONDS",
        help="how long to wait for the worker (default: 15)",
    )
    options = parser.parse_args()
    # A terminal that cannot show the lines of the tables shows something else there.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    # However it is ended, it must end its own programs, too.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    page = Page()
    folder = Path(tempfile.mkdtemp(prefix="airlock-shop-"))
    try:
        run(folder, options.queue, options.patience, page)
    finally:
        if options.keep:
            page.line(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return 1 if page.failed else 0


if __name__ == "__main__":
    sys.exit(main())
