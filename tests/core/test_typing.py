"""Type checking: `enqueue` takes what the task itself takes."""

from __future__ import annotations

import re
import subprocess
import sys

# Each line with `# error` must be refused, every other one accepted.
SNIPPET = '''
import contextlib
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any, assert_type

import airlock


def send_email(user_id: int, *, subject: str = "") -> bool:
    return True


async def send_later(user_id: int) -> None: ...


class Task:
    """A task that keeps its function in `func`."""

    def __init__(self) -> None:
        self.func = send_email


class Service:
    def method(self, number: int) -> None: ...


def main() -> None:
    assert_type(airlock.enqueue(send_email, 1), airlock.Intent)
    airlock.enqueue(send_email, user_id=1, subject="hello")
    airlock.enqueue(send_later, 1)
    airlock.enqueue(Service().method, 1)
    airlock.enqueue(Service().method, number=1)
    airlock.enqueue(lambda: None)
    airlock.enqueue(partial(send_email, 1))
    airlock.enqueue(partial(send_email, subject="x"), 1)
    airlock.enqueue("shop.tasks.send_email", 1, anything="goes")
    airlock.enqueue(send_email, 1, _dispatch_options={"countdown": 5})
    airlock.enqueue(Task(), 1)
    airlock.enqueue(send_email)  # error
    airlock.enqueue(send_email, "one")  # error
    airlock.enqueue(send_email, 1, subjct="x")  # error
    airlock.enqueue(send_email, 1, 2)  # error
    airlock.enqueue(send_later, "one")  # error
    airlock.enqueue(Service().method, "one")  # error
    airlock.enqueue(Task(), "one")  # error

    with airlock.scope(policy=airlock.DropAll(), executor="rq", name="x") as scope:
        assert_type(scope, airlock.Scope)
    with airlock.scope(policy=3):  # error
        pass
    with airlock.policy(airlock.AssertNoEffects()):
        pass
    assert_type(airlock.get_current_scope(), airlock.Scope | None)
    assert_type(airlock.carry(send_email)(1, subject="x"), bool)
    airlock.carry(send_email)("one")  # error


@airlock.scoped
def bare(number: int) -> str:
    return str(number)


@airlock.scoped(executor="rq")
def with_arguments(number: int) -> str:
    return str(number)


@airlock.scoped()
async def coroutine(number: int) -> str:
    return str(number)


@airlock.scoped
def generator(number: int) -> Iterator[int]:
    yield number


assert_type(bare(1), str)
assert_type(with_arguments(1), str)
bare("one")  # error
with_arguments("one")  # error
for value in generator(1):
    assert_type(value, int)


class Weekend(airlock.Policy):
    def allows(self, intent: airlock.Intent) -> bool | airlock.Deny:
        return airlock.Deny("it is Sunday")


class Plugin:
    @airlock.hookimpl
    def policy_check(self, intent: airlock.Intent, scope: airlock.Scope) -> bool | None:
        return None


class File(airlock.Executor):
    supports_client_id = True

    def __call__(self, intent: airlock.Intent) -> str:
        return intent.id


airlock.register(Weekend())
airlock.configure(executor=File(), strict=True)


async def main_async() -> None:
    async with airlock.scope() as scope:
        assert_type(scope, airlock.Scope)
    try:
        pass
    except airlock.DispatchError as error:
        assert_type(error.failed, tuple[airlock.Intent, ...])
        await error.aretry()
'''


def test_enqueue_takes_what_the_task_takes(tmp_path):
    """mypy --strict refuses the wrong calls, and only those."""
    path = tmp_path / "snippet.py"
    path.write_text(SNIPPET)
    run = subprocess.run(
        [
            sys.executable,
            *("-m", "mypy", "--strict", "--no-error-summary"),
            *("--cache-dir", str(tmp_path / "cache"), "--config-file", ""),
            str(path),
        ],
        capture_output=True,
        text=True,
    )
    found = {int(line) for line in re.findall(r"snippet\.py:(\d+): error", run.stdout)}
    lines = SNIPPET.splitlines()
    expected = {number for number, line in enumerate(lines, 1) if line.endswith("# error")}
    assert run.stderr == ""
    assert found == expected, run.stdout
