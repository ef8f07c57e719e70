"""The suite that every executor must pass: subclass it, and give it an executor and tasks."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airlock_core.entry import enqueue, scope
from airlock_core.errors import DispatchError, IntentError
from airlock_core.executors import CAPABILITIES, ExecutorWrapper
from airlock_core.intents import Intent
from airlock_core.outcomes import State
from airlock_core.plugins import manager


class ExecutorContract:
    """What airlock relies on in every executor.

    Subclass it in a test module, and override the fixtures `executor`, `task` (takes one integer)
    and `foreign_task` (something the executor cannot carry, or None), and the method `sent()`.

        class TestFileExecutor(ExecutorContract):
            @pytest.fixture
            def executor(self, tmp_path): ...
    """

    @pytest.fixture
    def executor(self) -> Any:
        """The executor under test, able to send."""
        raise NotImplementedError("override the fixture `executor`")

    @pytest.fixture
    def broken_executor(self) -> Any:
        """An executor of the same kind whose broker cannot be reached; None where it has none."""
        return None

    @pytest.fixture
    def task(self) -> Any:
        """A task of the executor's own kind that takes one integer."""
        raise NotImplementedError("override the fixture `task`")

    @pytest.fixture
    def foreign_task(self) -> Any:
        """Something that the executor cannot carry; None where it carries everything."""
        return None

    @pytest.fixture
    def make_scope(self, executor: Any) -> Callable[..., Any]:
        """Make a scope that uses the executor under test."""
        return lambda **arguments: scope(executor=executor, **arguments)

    @pytest.fixture(autouse=True)
    def _alone(self) -> Iterator[None]:
        with manager.isolated():
            yield

    def sent(self, executor: Any) -> list[int]:
        """Return the integer of each message that left, in the order in which they left."""
        raise NotImplementedError("override sent(), to look into the queue")

    def _enqueue(self, task: Any, count: int) -> list[Intent]:
        return [enqueue(task, number) for number in range(count)]

    def test_a_run_leaves_in_order(self, executor: Any, task: Any, make_scope: Any) -> None:
        """Ten intents leave at the scope's end, once each, in the order of their enqueue."""
        with make_scope():
            self._enqueue(task, 10)
            assert self.sent(executor) == []
        assert self.sent(executor) == list(range(10))

    def test_nothing_leaves_from_a_discarded_scope(
        self, executor: Any, task: Any, make_scope: Any
    ) -> None:
        """A scope whose block raises sends nothing."""
        with pytest.raises(ZeroDivisionError), make_scope():
            self._enqueue(task, 3)
            raise ZeroDivisionError
        assert self.sent(executor) == []

    def test_every_intent_gets_a_receipt(self, executor: Any, task: Any, make_scope: Any) -> None:
        """Each intent ends as dispatched, with a receipt that is not None."""
        with make_scope():
            intents = self._enqueue(task, 3)
        assert [intent.state for intent in intents] == [State.DISPATCHED] * 3
        assert all(intent.receipt is not None for intent in intents)

    def test_the_id_is_the_queues_own(self, executor: Any, task: Any, make_scope: Any) -> None:
        """Where `supports_client_id` is claimed, the receipt carries `intent.id`."""
        with make_scope():
            intent = enqueue(task, 1)
            identity = intent.id
        if executor.supports_client_id:
            assert identity in _ids_of(intent.receipt)
        else:
            assert uuid.UUID(identity)

    def test_it_gives_reasons_for_what_it_cannot_do_alone(self, executor: Any) -> None:
        """`cannot` names capabilities that are missing, and no other."""
        missing = {name for name in CAPABILITIES if not getattr(executor, name, False)}
        assert set(getattr(executor, "cannot", {})) <= missing

    def test_a_foreign_task_is_refused_where_it_is_enqueued(
        self, executor: Any, foreign_task: Any, make_scope: Any
    ) -> None:
        """What the executor cannot carry raises `IntentError` at the `enqueue` line."""
        with make_scope() as current:
            if foreign_task is not None:
                with pytest.raises(IntentError):
                    enqueue(foreign_task, 1)
            assert len(current) == 0

    def test_choosing_and_checking_send_nothing(
        self, executor: Any, task: Any, make_scope: Any
    ) -> None:
        """`plan()` names the executor, and nothing leaves."""
        with make_scope() as current:
            enqueue(task, 1)
            assert [entry.executor for entry in current.plan()] == [executor]
            current.discard()
        assert self.sent(executor) == []

    def test_it_works_inside_a_wrapper(self, executor: Any, task: Any) -> None:
        """An `ExecutorWrapper` around it sends the same, and has the same capabilities."""
        wrapper = ExecutorWrapper(executor)
        assert [getattr(wrapper, name) for name in CAPABILITIES] == [
            getattr(executor, name, False) for name in CAPABILITIES
        ]
        with scope(executor=wrapper):
            self._enqueue(task, 3)
        assert self.sent(executor) == [0, 1, 2]

    def test_a_broker_that_is_down_is_reported_and_loses_nothing(
        self, broken_executor: Any, task: Any
    ) -> None:
        """The first failed, the later ones were not tried or failed too, and none is dispatched."""
        if broken_executor is None:
            return
        with pytest.raises(DispatchError) as caught, scope(executor=broken_executor):
            intents = self._enqueue(task, 3)
        states = {State.FAILED, State.UNDELIVERED, State.UNCERTAIN}
        assert {intent.state for intent in intents} <= states
        error = caught.value
        assert sorted(map(id, (*error.failed, *error.undelivered, *error.uncertain))) == sorted(
            map(id, intents)
        )


def _ids_of(receipt: Any) -> list[Any]:
    """Look where the queues' own objects keep their ids."""
    return [receipt, *(getattr(receipt, name, None) for name in ("id", "message_id", "job_id"))]
