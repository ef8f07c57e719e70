"""Random lives of scopes, held against a model that says for each intent how it must end.

Nested scopes with policies and executors of their own, exceptions, holds that are kept or
cancelled in any order and by any thread, effects that fail and effects that enqueue, brokers
that are down, and retries. Each intent has one end, nothing leaves twice, and the order stays.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import airlock
from airlock import DispatchError, Hold, Phase, State
from airlock.testing import plugins
from airlock_core.context import NOWHERE, here


class DenyModulo(airlock.Policy):
    """Denies every value that a number divides."""

    def __init__(self, number):
        self.number = number

    def allows(self, intent):
        return intent.args[0] % self.number != 0


def last_digit(intent):
    """The key of the model's Deduplicate."""
    return intent.args[0] % 10


@dataclass
class Door:
    """The model of a policy in one scope."""

    kind: str
    seen: set = field(default_factory=set)

    def make(self):
        """Make the policy that is modelled."""
        if self.kind == "dedupe":
            return airlock.Deduplicate(key=last_digit)
        return DenyModulo(int(self.kind))

    def allows(self, item):
        """Judge as the policy must."""
        if self.kind != "dedupe":
            return item.value % int(self.kind) != 0
        key = item.value % 10
        if key in self.seen:
            return False
        self.seen.add(key)
        return True


@dataclass
class Item:
    """The model of an intent."""

    value: int
    kind: str
    doors: list
    executor: object
    holds: list
    intent: object = None
    state: State = State.PENDING
    locals: tuple = ()


@dataclass
class Node:
    """The model of a scope."""

    scope: object
    parent: object
    doors: list
    executor: object
    stubborn: bool
    items: list = field(default_factory=list)  # what it has accepted or captured
    left: list = field(default_factory=list)  # those that it has to send
    later: list = field(default_factory=list)
    awaited: set = field(default_factory=set)


class Stubborn(airlock.Scope):
    """Flushes in spite of an error."""

    def should_flush(self, error):
        return True


class Broker:
    """An executor that records, and is down while it is broken and meets a bad intent."""

    def __init__(self, name, machine):
        self.name = name
        self.machine = machine

    def __call__(self, intent):
        kind = intent.args[1]
        if kind == "fails" and self.machine.broken:
            raise ConnectionError(self.name)
        self.machine.log.append((self.name, intent.args[0]))
        return intent.args[0]


class Lives(RuleBasedStateMachine):
    """The machine."""

    def __init__(self):
        super().__init__()
        self.manager = plugins()
        self.manager.__enter__()
        airlock.reset_configuration()
        self.broken = True
        self.log: list = []
        self.expected: list = []
        self.stack: list[Node] = []
        self.waiting: list[Node] = []
        self.holds: list[Hold] = [Hold()]
        self.items: list[Item] = []
        self.errors: list = []
        self.next_value = 1
        self.brokers = {name: Broker(name, self) for name in "AB"}
        self.by_value: dict[int, Item] = {}
        self.new_children: list[Item] = []
        self.flushing: Node | None = None

    def teardown(self):
        """Leave whatever is open, settle whatever is pending; then everything has an end."""
        try:
            while self.stack:
                self.leave(error=False)
            for hold in list(self.holds):
                self.settle(hold, kept=True)
            for item in self.items:
                assert item.intent.state is item.state is not State.PENDING
            assert here.get() is NOWHERE
        finally:
            here.set(NOWHERE)
            self.manager.__exit__(None, None, None)

    # What the effects do, for real

    def effect(self, value, kind):
        """The task of every inline intent."""
        if kind == "fails" and self.broken:
            raise ZeroDivisionError(value)
        self.log.append(("inline", value))
        if kind == "parent":
            child = airlock.enqueue(self.effect, value + 1000, "plain")
            self.by_value[value + 1000].intent = child
        if kind == "dies" and self.broken:
            airlock.enqueue(self.effect, value + 1000, "plain")
            raise LookupError(value)
        return value

    # Rules

    @rule(
        policy=st.sampled_from([None, None, "2", "3", "dedupe"]),
        executor=st.sampled_from([None, None, None, "A", "B"]),
        stubborn=st.booleans(),
    )
    @precondition(lambda self: len(self.stack) < 4)
    def enter(self, policy, executor, stubborn):
        """Open a scope inside those that are open."""
        parent = self.stack[-1] if self.stack else None
        own = [] if policy is None else [Door(policy)]
        scope = airlock.scope(
            policy=own[0].make() if own else None,
            executor=self.brokers[executor] if executor else None,
            scope_cls=Stubborn if stubborn else None,
        ).enter()
        inherited = parent.executor if parent else None
        self.stack.append(
            Node(
                scope,
                parent,
                own + (parent.doors if parent else []),
                executor or inherited,
                stubborn,
            )
        )

    @rule(
        kind=st.sampled_from(["plain", "plain", "plain", "fails", "parent", "dies"]),
        local=st.sampled_from([None, None, None, "2", "5"]),
        holds=st.lists(st.integers(0, 9), max_size=2, unique=True),
    )
    @precondition(lambda self: self.stack)
    def enqueue(self, kind, local, holds):
        """Ask for an effect."""
        node = self.stack[-1]
        value, self.next_value = self.next_value, self.next_value + 1
        chosen = [self.holds[index % len(self.holds)] for index in holds]
        locals_ = (Door(local),) if local else ()
        item = Item(value, kind, [*locals_, *node.doors], node.executor, chosen, locals=locals_)
        if local:
            with airlock.policy(locals_[0].make()):
                item.intent = airlock.enqueue(self.effect, value, kind)
        else:
            item.intent = airlock.enqueue(self.effect, value, kind)
        for hold in chosen:
            item.intent.hold(hold)
        self.items.append(item)
        self.by_value[value] = item
        node.items.append(item)

    @rule(error=st.booleans())
    @precondition(lambda self: self.stack)
    def leave(self, error):
        """Leave the innermost scope, well or badly."""
        node = self.stack.pop()
        problem = ValueError("mine") if error else None
        expected_failure = self.model_leave(node, error)
        try:
            node.scope.exit(problem)
        except DispatchError as raised:
            assert expected_failure
            assert not error
            self.errors.append((raised, node))
        else:
            assert not expected_failure or error
            if expected_failure:
                assert "scope.error" in problem.__notes__[0]
                self.errors.append((node.scope.error, node))

    @rule()
    def new_hold(self):
        """A transaction begins."""
        self.holds.append(Hold())

    @rule(index=st.integers(0, 9), kept=st.booleans(), thread=st.booleans())
    def settle_one(self, index, kept, thread):
        """A transaction ends; maybe in another thread."""
        self.settle(self.holds[index % len(self.holds)], kept, thread)

    @rule()
    def toggle(self):
        """The brokers and effects break, or are mended."""
        self.broken = not self.broken

    @rule(index=st.integers(0, 9))
    @precondition(lambda self: self.errors)
    def retry(self, index):
        """Send again what has not left."""
        error, node = self.errors[index % len(self.errors)]
        wanted = {id(intent) for intent in (*error.failed, *error.undelivered)}
        again = [
            item
            for item in node.left
            if id(item.intent) in wanted and item.state in (State.FAILED, State.UNDELIVERED)
        ]
        for item in again:
            item.state = State.PENDING
        failed = self.model_flush(node, again, judged=True)
        try:
            error.retry()
        except DispatchError as raised:
            assert failed
            self.errors.append((raised, node))
        else:
            assert not failed

    # The model

    def model_leave(self, node, error):
        """Say what becomes of a scope's intents; return whether an error must be told."""
        if error and not node.stubborn:
            for item in node.items:
                item.state = State.DISCARDED
            return False
        if node.parent is not None:
            node.parent.items += node.items
            return False
        node.left = list(node.items)
        return self.model_depart(node, node.left)

    def model_depart(self, node, items):
        """Wait, or flush; return whether an error must be told now."""
        node.later = items
        node.awaited = {
            hold
            for item in items
            if not any(hold.void for hold in item.holds)
            for hold in item.holds
            if hold.pending
        }
        if node.awaited:
            self.waiting.append(node)
            return False
        return self.model_flush(node, items) if items else False

    def model_flush(self, node, items, judged=False):
        """Send: judge, dispatch run by run, then what the effects made; return whether all left."""
        failed, down = False, set()
        while items:
            alive = []
            for item in items:
                if any(hold.void for hold in item.holds):
                    item.state = State.ROLLED_BACK
                elif judged or all(door.allows(item) for door in item.doors):
                    alive.append(item)
                else:
                    item.state = State.DENIED
            made: list[Item] = []
            for item in alive:
                failed = not self.model_send(node, item, down, made) or failed
            node.left += made
            items, judged = made, False
        return failed

    def model_send(self, node, item, down, made):
        where = item.executor or "inline"
        if where in down:
            item.state = State.UNDELIVERED
            return False
        if item.kind == "fails" and self.broken:
            item.state = State.FAILED
            if item.executor:
                down.add(where)
            return False
        self.expected.append((where, item.value))
        if not item.executor and item.kind == "dies" and self.broken:
            item.state = State.FAILED
            return False
        item.state = State.DISPATCHED
        if not item.executor and item.kind == "parent":
            root = node
            child = Item(
                item.value + 1000,
                "plain",
                [*item.locals, *root.doors],
                root.executor,
                [],
                locals=item.locals,
            )
            self.by_value[child.value] = child
            self.items.append(child)
            made.append(child)
        return True

    def settle(self, hold, kept, thread=False):
        """Settle a hold; the scopes that waited for it alone leave, in the order they ended."""
        if not hold.pending:
            (hold.keep if kept else hold.cancel)()
            return
        # The model must know before the effects run; a void hold is void for it, too.
        shadow = hold._kept
        hold._kept = kept
        failing = []
        for node in list(self.waiting):
            node.awaited.discard(hold)
            if not node.awaited:
                self.waiting.remove(node)
                if self.model_flush(node, node.later):
                    failing.append(node)
        hold._kept = shadow
        problems: list = []

        def really():
            try:
                (hold.keep if kept else hold.cancel)()
            except Exception as error:
                problems.append(error)

        if thread:
            worker = threading.Thread(target=really)
            worker.start()
            worker.join()
        else:
            really()
        assert len(problems) == bool(failing)
        for node in failing:
            assert node.scope.error is not None
            self.errors.append((node.scope.error, node))

    # What must always hold

    @invariant()
    def what_left_is_what_the_model_says(self):
        """In the same order, and nothing twice but what was retried."""
        assert self.log == self.expected

    @invariant()
    def every_end_is_the_models(self):
        """State by state."""
        for item in self.items:
            assert item.intent.state is item.state, item

    @invariant()
    def the_current_scope_is_the_innermost(self):
        """Whatever has ended in between."""
        expected = self.stack[-1].scope if self.stack else None
        assert airlock.get_current_scope() is expected

    @invariant()
    def phases_agree(self):
        """A scope that waits says so."""
        for node in self.waiting:
            assert node.scope.phase is Phase.WAITING


def test_random_lives(test_size):
    """The library and the model agree on every end, in every order."""
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        Lives,
        settings=settings(
            max_examples=150 * test_size, stateful_step_count=40, deadline=None, print_blob=True
        ),
    )


def test_the_model_is_not_idle():
    """A life by hand: the machine's rules do what they say."""
    machine = Lives()
    try:
        machine.enter(policy="2", executor=None, stubborn=False)
        machine.enqueue(kind="plain", local=None, holds=[0])
        machine.enqueue(kind="parent", local=None, holds=[])
        machine.enqueue(kind="fails", local=None, holds=[])
        machine.leave(error=False)
        assert machine.log == []
        machine.settle_one(index=0, kept=True, thread=True)
        assert machine.log == [("inline", 1)]
        machine.toggle()
        with pytest.raises(IndexError):
            machine.errors[1]
        machine.retry(index=0)
        assert machine.log == [("inline", 1), ("inline", 3)]
    finally:
        machine.teardown()
