"""Each test of the core has a plugin manager and a configuration of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator

import pytest

import airlock
from airlock.testing import plugins
from airlock_core.context import NOWHERE, here


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    """No installed plugin, the defaults of the library, and no scope left behind."""
    with plugins():
        airlock.reset_configuration()
        yield
        airlock.reset_configuration()
    left_behind = here.get()
    here.set(NOWHERE)  # one test that fails makes no other fail
    assert left_behind is NOWHERE


@pytest.fixture
def left() -> list[object]:
    """What has left, in order."""
    return []


@pytest.fixture
def send(left: list[object]) -> Callable[..., object]:
    """A task that records its first argument when it runs."""

    def send(value: object = None, **others: object) -> object:
        left.append(value)
        return value

    return send


@pytest.fixture
def fail(left: list[object]) -> Callable[..., object]:
    """A task that raises when it runs."""

    def fail(value: object = None) -> object:
        raise ZeroDivisionError(value)

    return fail


@pytest.fixture
def python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a program in a fresh interpreter, with these variables and these folders on its path."""

    def run(program: str, *path: object, **environment: str) -> subprocess.CompletedProcess[str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("AIRLOCK_", "PYTEST"))}
        paths = [*map(str, path), *filter(None, [clean.get("PYTHONPATH")])]
        return subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)],
            capture_output=True,
            text=True,
            timeout=120,
            env={**clean, "PYTHONPATH": os.pathsep.join(paths), **environment},
        )

    return run
