"""`airlock.testing`: a recording executor, a plugin manager for a block, and the contract."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

import airlock
from airlock.testing import ExecutorContract, RecordingExecutor, plugins
from airlock_core.plugins import manager

pytest_plugins = ["pytester"]


def send_email(value=None):
    """A task."""


class TestTheRecorderKeepsTheContract(ExecutorContract):
    """The contract suite passes for the executor that is shipped."""

    @pytest.fixture
    def executor(self):
        """A recorder."""
        return RecordingExecutor()

    @pytest.fixture
    def broken_executor(self):
        """A callable whose broker is down."""

        def down(intent):
            raise ConnectionError

        return down

    @pytest.fixture
    def task(self):
        """A function."""
        return send_email

    def sent(self, executor):
        """What was recorded."""
        return [intent.args[0] for intent in executor]


class TestInlineKeepsTheContract(ExecutorContract):
    """Running here is an executor as any other."""

    log: list = []

    @pytest.fixture
    def executor(self):
        """The inline executor."""
        self.log.clear()
        return airlock.sync_executor

    @pytest.fixture
    def task(self):
        """A function that leaves a trace, and a receipt."""

        def task(number):
            self.log.append(number)
            return "receipt"

        return task

    @pytest.fixture
    def foreign_task(self):
        """Nothing that can be called."""
        return "send_email"

    def sent(self, executor):
        """What has run."""
        return list(self.log)


BROKEN = """
    import pytest
    from airlock import Executor
    from airlock.testing import ExecutorContract

    class {name}(Executor):
        {capability}
        def __init__(self): self.sent = []
        def dispatch_many(self, intents):
            {body}

    class TestIt(ExecutorContract):
        @pytest.fixture
        def executor(self): return {name}()
        @pytest.fixture
        def task(self): return print
        def sent(self, executor): return executor.sent
"""


@pytest.mark.parametrize(
    ("capability", "body", "fails"),
    [
        (
            "",
            "return [self.sent.insert(0, i.args[0]) or 1 for i in intents]",
            "run_leaves_in_order",
        ),
        ("", "return [self.sent.append(i.args[0]) for i in intents]", "gets_a_receipt"),
        (
            "supports_client_id = True",
            "return [self.sent.append(i.args[0]) or 'other' for i in intents]",
            "the_id_is_the_queues_own",
        ),
        (
            "supports_many = True; cannot = {'supports_many': 'there is no pipeline'}",
            "return [self.sent.append(i.args[0]) or 1 for i in intents]",
            "reasons_for_what_it_cannot_do_alone",
        ),
    ],
)
def test_the_contract_finds_what_is_wrong(pytester, capability, body, fails):
    """An executor that reorders, loses receipts or ids does not pass."""
    pytester.makepyfile(BROKEN.format(name="Broken", capability=capability or "pass", body=body))
    result = pytester.runpytest_subprocess("-q", "-p", "no:randomly", "-p", "no:cacheprovider")
    result.stdout.fnmatch_lines([f"FAILED *{fails}*"])


def test_the_recorder_tells_what_left():
    """Names, calls and intents, in order; and what was sent of one task."""
    recorder = RecordingExecutor()
    assert recorder
    with airlock.scope(executor=recorder):
        airlock.enqueue(send_email, 1)
        airlock.enqueue(print, 2, end="")
    assert recorder.names == [f"{__name__}.send_email", "builtins.print"]
    assert recorder.calls == [(send_email, (1,), {}), (print, (2,), {"end": ""})]
    for known in (send_email, "send_email", f"{__name__}.send_email"):
        assert [intent.args for intent in recorder.sent(known)] == [(1,)]
    assert recorder.sent("nothing") == []
    assert [intent.receipt for intent in recorder] == [intent.id for intent in recorder]
    recorder.clear()
    assert len(recorder) == 0


def test_plugins_isolates_a_block(left):
    """In the block, only what it names is registered; afterwards all is as before."""
    outside = airlock.DropAll()
    airlock.register(outside, "outside")
    inside = airlock.AllowAll()
    with plugins(inside) as isolated:
        assert [plugin for _, plugin in isolated] == [inside]
        airlock.register(airlock.AllowAll(), "more")
        with airlock.scope():
            airlock.enqueue(left.append, 1)
        with plugins() as inner:
            assert list(inner) == []
    assert [name for name, _ in manager] == ["outside"]
    with airlock.scope():
        airlock.enqueue(left.append, 2)
    assert left == [1]


def test_plugins_puts_everything_back_after_an_error():
    """Also where the block raises, or a plugin is refused."""
    with pytest.raises(ArithmeticError), plugins(airlock.DropAll()):
        raise ArithmeticError
    with pytest.raises(airlock.PluginError), plugins(airlock.DropAll):
        pass
    assert list(manager) == []


def test_plugins_can_load_what_is_installed():
    """installed=True is what an application's own tests may want."""
    with plugins(installed=True) as everything:
        everything.load()
        assert everything.loaded


def test_the_pytest_plugin(pytester):
    """A test run is strict, has a recorder, and neither reaches the next test."""
    pytester.makepyfile(
        """
        import airlock, pytest

        def task(value): pass

        def test_recorder(airlock_recorder):
            with airlock.scope():
                airlock.enqueue(task, 1)
                with pytest.raises(airlock.IntentError):
                    airlock.enqueue(task)
            assert airlock_recorder.calls == [(task, (1,), {})]

        def test_afterwards():
            assert airlock.get_configuration().executor is None
            assert airlock.get_configuration().strict is True
        """
    )
    environment = pytester.runpytest_subprocess("-q", "-p", "no:randomly", "-p", "no:cacheprovider")
    environment.assert_outcomes(passed=2)


def test_the_pytest_plugin_can_be_left_out(pytester):
    """`-p no:airlock` is as every pytest plugin has it."""
    pytester.makepyfile(
        """
        import airlock

        def test_it():
            assert airlock.get_configuration().strict is False
        """
    )
    result = pytester.runpytest_subprocess("-q", "-p", "no:airlock", "-p", "no:django")
    result.assert_outcomes(passed=1)


def test_only_the_contract_needs_pytest():
    """A project with another test runner has the recorder and the rest; the suite says what it needs."""
    program = """
        import sys
        sys.modules["pytest"] = None
        import airlock
        from airlock.testing import ExecutorContract, RecordingExecutor, plugins
        recorder = RecordingExecutor()
        with plugins(), airlock.scope(executor=recorder):
            airlock.enqueue(print, 1)
        print(recorder.names)
        class TestMine(ExecutorContract): pass
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True
    )
    assert done.stdout.split() == ["['builtins.print']"]
    assert done.stderr.splitlines()[-1] == (
        "ImportError: airlock.testing.ExecutorContract needs pytest: pip install pytest"
    )
