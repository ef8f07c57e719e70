"""The checks: what happened, against what must be true."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from backstage.evidence import Evidence
from backstage.scenarios import Command, Effect, Request, Scenario


@dataclass(frozen=True)
class Check:
    """Something that was found, and what must be true.

    Attributes:
        found: what was found.
        expected: what must be true.
    """

    found: Any
    expected: Any

    @property
    def passed(self) -> bool:
        """Whether it is true."""
        return bool(self.found == self.expected)


@dataclass(frozen=True)
class EffectSeen:
    """What was seen of one intent, from the moment it was asked for."""

    task: str
    order: str
    correlation_id: str
    asked_in: str
    outcome: str
    sent: int
    worker: str

    @property
    def left(self) -> bool:
        """Whether it went to the broker."""
        return self.sent > 0


def must_be(effect: Effect, correlation_id: str) -> EffectSeen:
    """Say what must be seen of an effect: it leaves and is executed once, or neither."""
    return EffectSeen(
        effect.task,
        effect.order,
        correlation_id,
        effect.asked_in,
        effect.outcome,
        int(effect.leaves),
        "once, row and id" if effect.leaves else "never",
    )


class Reading:
    """All the evidence, read when the shop and its worker have ended.

    Args:
        evidence: where to read.
    """

    def __init__(self, evidence: Evidence) -> None:
        self._executed = evidence.executed()
        self.sent = Counter(evidence.sent())
        self.executed = Counter(line["id"] for line in self._executed)
        self.names = {line["id"]: f"{line['task']} {line['order']}" for line in self._executed}
        self.waiting = evidence.waiting()
        self._logged = Counter(
            (line["event"], line.get("order"), line.get("correlation_id"))
            for line in evidence.logged()
        )

    def effect(self, intent: dict[str, str], correlation_id: str) -> EffectSeen:
        """Put together what was seen of one intent, under its one id."""
        return EffectSeen(
            _function(intent),
            intent["order"],
            correlation_id,
            intent["origin"].rpartition(" in ")[2],
            intent["outcome"],
            self.sent[intent["id"]],
            self._worker(intent, correlation_id),
        )

    def _worker(self, intent: dict[str, str], correlation_id: str) -> str:
        runs = [line for line in self._executed if line["id"] == intent["id"]]
        if not runs:
            return "never"
        times = "once" if len(runs) == 1 else f"{len(runs)} times"
        if not all(run["row_existed"] for run in runs):
            return f"{times}, NO ROW"
        if not all(run["succeeded"] for run in runs):
            return f"{times}, it failed"
        if {(run["task"], run["order"]) for run in runs} != {(intent["task"], intent["order"])}:
            return f"{times}, ANOTHER TASK"
        if self._logged[_function(intent), intent["order"], correlation_id] != len(runs):
            return f"{times}, NOT ITS ID"
        return f"{times}, row and id"


def _function(intent: dict[str, str]) -> str:
    return intent["task"].rpartition(".")[2]


@dataclass(frozen=True)
class Played:
    """A scenario that was played: what came back, and what was there right afterwards.

    Attributes:
        brought: the correlation id that the request brought; a command brings none.
    """

    scenario: Scenario
    brought: str
    answer: str
    printed: tuple[str, ...]
    rows: dict[str, tuple[str, ...]]
    audit: tuple[dict[str, Any], ...]

    @property
    def correlation_id(self) -> str:
        """The id that must be found: the one that was brought, or that a command gave itself."""
        return self.brought or "".join(line["correlation_id"] for line in self.audit)

    def answer_check(self) -> Check:
        """Check the status of the response, or the exit code."""
        return Check(self.answer, expected_answer(self.scenario.act))

    def other_checks(self) -> dict[str, Check]:
        """Check what was printed, and the rows in the database."""
        act = self.scenario.act
        checks = {}
        if isinstance(act, Command) and act.prints:
            checks["it printed exactly that"] = Check(self.printed, act.prints)
        for name, expected in self.scenario.rows.items():
            checks[f"in the database, {name}: {' '.join(self.rows[name]) or 'none'}"] = Check(
                self.rows[name], expected
            )
        return checks

    def effect_checks(self, reading: Reading) -> list[Check]:
        """Check each effect that was asked for, and that each was asked for."""
        found = [
            reading.effect(intent, line["correlation_id"])
            for line in self.audit
            for intent in line["intents"]
        ]
        expected = [must_be(effect, self.correlation_id) for effect in self.scenario.effects]
        length = max(len(found), len(expected))
        pad: list[None] = [None] * length
        pairs = zip([*found, *pad][:length], [*expected, *pad][:length], strict=True)
        return [Check(*pair) for pair in pairs]


def expected_answer(act: Request | Command) -> str:
    """Say what must come back."""
    return f"status {act.status}" if isinstance(act, Request) else "exit code 0"


def whole_checks(reading: Reading, played: list[Played]) -> dict[str, Check]:
    """Check what no single scenario can show: that there was nothing else."""
    intents = [intent for one in played for line in one.audit for intent in line["intents"]]
    names = reading.names | {one["id"]: f"{one['task']} {one['order']}" for one in intents}
    left = Counter(intent["id"] for intent in intents if intent["state"] == "dispatched")
    ids = Counter(one.correlation_id for one in played)

    def same_as_left(counted: Counter[str]) -> Check:
        differences = (
            f"{names.get(id_, id_)}: {counted[id_]} times, not {left[id_]}"
            for id_ in counted | left
            if counted[id_] != left[id_]
        )
        return Check(tuple(differences), ())

    return {
        "the broker was given what left, each id once, and nothing else": same_as_left(
            reading.sent
        ),
        "the worker executed what left, each id once, and nothing else": same_as_left(
            reading.executed
        ),
        "no message is left in the queue": Check(reading.waiting, 0),
        "each request and each run of the command had a correlation id of its own": Check(
            tuple(id_ for id_, count in ids.items() if count > 1), ()
        ),
    }
