"""`app.send_task(name)` under the global intercept: a task that is sent by its name."""

from __future__ import annotations

import sys
from functools import partial
from types import FrameType
from typing import Any

from celery.canvas import Signature

from airlock_celery.asking import ask
from airlock_celery.calls import Call


class ByName(Signature):  # type: ignore[misc]  # Celery has no annotations
    """A message to whatever task has a name, whether or not it is known in this process.

    Args:
        name: the task's name.
        app: the Celery app.
    """

    def __init__(self, name: str, app: Any) -> None:
        """Make it without arguments, which its intent has."""
        super().__init__(name, app=app)

    @property
    def type(self) -> Any:
        """Say that the task is not known here, as for this call it need not be."""
        raise KeyError(self.task)

    def apply_async(self, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
        """Send it with `app.send_task`, which asks neither the task nor its class."""
        return self.app.send_task(self.task, args, kwargs, **options)


class SendTask:
    """The `send_task` of one app while it has the intercept.

    Args:
        app: the Celery app.
    """

    def __init__(self, app: Any) -> None:
        """Take the place of the method, on the app itself."""
        self._app = app
        self._before = app.__dict__.get("send_task")
        app.send_task = self

    @property
    def _original(self) -> Any:
        """The method that stands there without it; that of the class may be replaced later."""
        return (
            type(self._app).send_task.__get__(self._app) if self._before is None else self._before
        )

    def restore(self) -> None:
        """Put the method back, unless somebody else has replaced it since."""
        if self._app.__dict__.get("send_task") is not self:
            return
        if self._before is None:
            del self._app.send_task
        else:
            self._app.send_task = self._before

    def __call__(self, name: str, *positional: Any, **named: Any) -> Any:
        """Hold what the application sends; Celery itself sends every message through this."""
        if _is_celerys(sys._getframe(1)):
            return self._original(name, *positional, **named)
        thing = ByName(name, self._app)
        original = partial(self._original, name)
        return ask(thing, original, positional, named, _hold)


def _is_celerys(frame: FrameType | None) -> bool:
    """Whether it is Celery that calls, and not the application through one of its proxies."""
    while frame is not None and frame.f_globals.get("__name__") == "celery.local":
        frame = frame.f_back
    module = "" if frame is None else frame.f_globals.get("__name__", "")
    return module.partition(".")[0] in ("celery", "airlock_celery")


def _hold(call: Call, caller: Any, signature: Any) -> Any:
    result_class = call.options.pop("result_cls", None) or signature.app.AsyncResult
    return call.enqueue_as(caller, signature, result_class)
