"""The sample executor plugin: each intent becomes a line of JSON in a file."""

from __future__ import annotations

import functools
import json
import os
import threading

import pytest
from airlock_file import FileExecutor

import airlock
from airlock.testing import ExecutorContract


def refund(order_id, reason="none"):
    raise AssertionError("it was to be written, not run")


def _entries(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


class TestFileExecutor(ExecutorContract):
    """It is an executor like every other."""

    @pytest.fixture
    def executor(self, tmp_path):
        return FileExecutor(tmp_path / "intents.jsonl")

    @pytest.fixture
    def broken_executor(self, tmp_path):
        return FileExecutor(tmp_path / "no such directory" / "intents.jsonl")

    @pytest.fixture
    def task(self):
        return refund

    @pytest.fixture
    def foreign_task(self):
        return lambda number: None

    def sent(self, executor):
        return [e["args"][0] for e in _entries(executor.path)] if executor.path.exists() else []


@pytest.fixture
def path(tmp_path):
    return tmp_path / "intents.jsonl"


@pytest.fixture
def executor(path):
    return FileExecutor(path)


@pytest.fixture
def fsyncs(monkeypatch):
    """How many times a file was forced to the disk."""
    calls = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda number: calls.append(number) or real(number))
    return calls


def test_a_line_has_everything(executor, path):
    """Id, task, arguments, options and what plugins added can be read back."""
    with airlock.scope(executor=executor):
        intent = airlock.enqueue(refund, 7, reason="broken", _dispatch_options={"queue": "money"})
        intent.meta["trace"] = "abc"

    assert _entries(path) == [
        {
            "id": intent.id,
            "task": intent.name,
            "args": [7],
            "kwargs": {"reason": "broken"},
            "options": {"queue": "money"},
            "meta": {"trace": "abc"},
        }
    ]


def test_a_receipt_says_where_the_line_is(executor, path):
    """Each receipt has the id, the file and the byte at which its line begins."""
    with airlock.scope(executor=executor):
        intents = [airlock.enqueue(refund, number) for number in range(3)]

    for intent in intents:
        with path.open("rb") as file:
            file.seek(intent.receipt.offset)
            assert json.loads(file.readline())["id"] == intent.id == intent.receipt.id


def test_a_run_is_forced_to_the_disk_once(executor, fsyncs):
    """A hundred intents cost one `fsync`."""
    with airlock.scope(executor=executor):
        for number in range(100):
            airlock.enqueue(refund, number)

    assert len(fsyncs) == 1


@pytest.mark.parametrize(
    "argument", [object(), {1, 2}, b"bytes", float("nan")], ids=lambda value: type(value).__name__
)
def test_what_is_no_json_is_refused_at_the_enqueue(executor, path, argument):
    """The line that made the mistake raises, and the other intents leave."""
    with airlock.scope(executor=executor):
        airlock.enqueue(refund, 1)
        with pytest.raises(airlock.IntentError, match="not JSON"):
            airlock.enqueue(refund, argument)

    assert [entry["args"] for entry in _entries(path)] == [[1]]


def test_a_function_without_a_name_is_refused_at_the_enqueue(executor):
    """A reader of the file could not find a local function, nor a partial of one."""

    def local():
        pass

    with airlock.scope(executor=executor) as scope:
        for task in (local, functools.partial(local), lambda: None):
            with pytest.raises(airlock.IntentError, match="no name"):
                airlock.enqueue(task)

    assert len(scope) == 0


def test_an_argument_that_changed_after_the_enqueue_fails_alone(executor, path):
    """Without `strict` it is not copied: that intent fails, and the others leave."""
    before = airlock.configure(strict=False)
    try:
        numbers = [1]
        with pytest.raises(airlock.DispatchError) as caught:
            with airlock.scope(executor=executor):
                airlock.enqueue(refund, 1)
                changed = airlock.enqueue(refund, numbers)
                airlock.enqueue(refund, 3)
                numbers.append({4, 5})
    finally:
        airlock.configure(strict=before.strict)

    assert caught.value.failed == (changed,)
    assert [entry["args"] for entry in _entries(path)] == [[1], [3]]


def test_after_an_error_the_file_is_what_it_was(executor, path, monkeypatch):
    """A disk that fails in the middle leaves no half of a run, and `retry()` writes it."""
    path.write_text('{"args": [0]}\n')

    def fail(number):
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        with pytest.raises(airlock.DispatchError) as caught, airlock.scope(executor=executor):
            airlock.enqueue(refund, 1)
            airlock.enqueue(refund, 2)
    assert path.read_text() == '{"args": [0]}\n'

    caught.value.retry()
    assert [entry["args"] for entry in _entries(path)] == [[0], [1], [2]]


def test_threads_do_not_mix_their_runs(executor, path):
    """Runs that are written at the same time follow each other, each of them whole."""

    def work(name):
        for _ in range(20):
            with airlock.scope(executor=executor):
                for number in range(5):
                    airlock.enqueue(refund, name, reason=str(number))

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    entries = _entries(path)
    assert len(entries) == 4 * 20 * 5
    runs = [entries[start : start + 5] for start in range(0, len(entries), 5)]
    assert all(len({entry["args"][0] for entry in run}) == 1 for run in runs)


def test_the_environment_names_the_file(path, monkeypatch):
    """`AIRLOCK_FILE` is where an executor without a path of its own writes."""
    monkeypatch.setenv("AIRLOCK_FILE", str(path))

    with airlock.scope(executor=FileExecutor()):
        airlock.enqueue(refund, 1)

    assert len(_entries(path)) == 1


def test_without_a_file_nothing_can_be_enqueued(monkeypatch):
    """That nobody named a file is said at the `enqueue`, not at the flush."""
    monkeypatch.delenv("AIRLOCK_FILE", raising=False)

    with airlock.scope(executor=FileExecutor()):
        with pytest.raises(airlock.ConfigurationError, match="AIRLOCK_FILE"):
            airlock.enqueue(refund, 1)
