"""The global intercept of one app: its tasks, those to come, and the canvases made of them."""

from __future__ import annotations

from functools import partial
from typing import Any

from celery import Celery, Task

from airlock_celery import canvas, on_commit
from airlock_celery.asking import INTERCEPTION, ask, interception_of
from airlock_celery.by_name import SendTask
from airlock_celery.calls import Call
from airlock_celery.execution import execute, has_own_call, is_executed
from airlock_celery.receiving import install_context
from airlock_celery.replacing import Replaced


class Interception:
    """The intercept, as it is installed in one app.

    Methods are replaced on each task's own class. There they come before whatever `apply_async`
    or `__call__` a base class of the application has, which runs when the task is really sent or
    executed. And a worker runs a `__call__` that stands on the task's class, while it goes past
    one that is patched into Celery's base class.

    Args:
        app: the app.
        wraps_execution: whether each execution of a task gets a scope.
    """

    def __init__(self, app: Celery, wraps_execution: bool) -> None:
        """Prepare; nothing is replaced before `install()`."""
        self.app = app
        self.wraps_execution = wraps_execution
        self._registry_class: type = type(app._tasks)
        self._replaced: dict[type, list[Replaced]] = {}

    def install(self) -> None:
        """Replace the methods of the tasks that there are, and of each that is registered later."""
        setattr(self.app, INTERCEPTION, self)
        self._send_task = SendTask(self.app)
        self.app._tasks.__class__ = _watched(self._registry_class, self)
        for task in list(self.app._tasks.values()):
            self.take(task)
        canvas.intercept()
        if self.wraps_execution:
            install_context()

    def uninstall(self) -> None:
        """Put everything back."""
        delattr(self.app, INTERCEPTION)
        self.app._tasks.__class__ = self._registry_class
        self._send_task.restore()
        for methods in self._replaced.values():
            for method in methods:
                method.restore()
        canvas.release()

    def take(self, task: Any) -> None:
        """Replace the methods of one task's class."""
        cls = type(task)
        if cls in self._replaced or not issubclass(cls, Task):
            return
        self._replaced[cls] = [Replaced(cls, "apply_async", _apply_async)]
        if hasattr(cls, "apply_async_on_commit"):  # Celery's task class for Django
            self._replaced[cls] += [
                Replaced(cls, "delay_on_commit", on_commit.delay),
                Replaced(cls, "apply_async_on_commit", on_commit.apply_async),
            ]
        if self.wraps_execution and is_executed(task):
            call = partial(_call, has_own_call(cls))
            self._replaced[cls].append(Replaced(cls, "__call__", call))


def _watched(registry_class: type, interception: Interception) -> type:
    """Make a registry class that tells the interception of each task that comes."""

    class Registry(registry_class):  # type: ignore[misc]
        def __setitem__(self, name: str, task: Any) -> None:
            super().__setitem__(name, task)
            interception.take(task)

    return Registry


def _apply_async(task: Any, original: Any, positional: Any, named: Any) -> Any:
    return ask(task, original, positional, named, Call.enqueue_task)


def _call(own_call: bool, task: Any, original: Any, positional: Any, named: Any) -> Any:
    if interception_of(task.app) is None:
        return original(*positional, **named)
    return execute(task, original, own_call, positional, named)
