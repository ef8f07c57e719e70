"""What travels with an intent to its worker: request ids, traces, what the caller's context has.

A propagator takes it at the `enqueue` line and puts it into `intent.meta`, which the queue carries
as headers. The worker's plugin gives the headers back around the job.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from airlock_core.errors import PluginError
from airlock_core.hookspecs import hookimpl
from airlock_core.plugins import manager

if TYPE_CHECKING:
    from airlock_core.intents import Intent

logger = logging.getLogger("airlock")


class Propagator:
    """Base of a plugin that carries something of the caller's context to the worker.

    Register it as any plugin: by an entry point, or with `airlock.register()`. What it carries
    also reaches the jobs that the job enqueues, as long as `restore()` puts it where `capture()`
    finds it.

    Attributes:
        key: where it stands in `intent.meta`, and so among the headers of the message.
    """

    key: str = ""

    def capture(self, intent: Intent) -> Any:
        """Return what is to travel with an intent, as plain values; None where there is nothing.

        Called at the `enqueue` line.
        """
        raise NotImplementedError(f"{type(self).__qualname__} must define capture(intent)")

    def restore(self, value: Any) -> AbstractContextManager[Any]:
        """Return a context manager that puts in place, around a job, what has travelled.

        Args:
            value: what `capture()` had returned, perhaps in another process and long ago.
        """
        raise NotImplementedError(f"{type(self).__qualname__} must define restore(value)")

    @hookimpl
    def intent_created(self, intent: Intent) -> None:
        """Put what travels into `intent.meta`."""
        if not self.key:
            raise PluginError(
                f"{type(self).__qualname__} has no key to stand under in intent.meta. "
                'Give it one: key = "request_id".'
            )
        value = self.capture(intent)
        if value is not None:
            intent.meta[self.key] = value


@contextmanager
def received(meta: Mapping[str, Any] | None) -> Iterator[None]:
    """Put in place what a job's message has brought, while the job runs.

    For the plugins of queues, around each job. A propagator that fails is reported on the logger
    `airlock`, and the job runs without what it carries.

    Args:
        meta: the headers of the message, or None where it has none.
    """
    with ExitStack() as stack:
        for propagator in propagators() if meta else ():
            if meta is not None and propagator.key in meta:
                with _reporting(propagator):
                    restored = propagator.restore(meta[propagator.key])
                    restored.__enter__()
                    stack.callback(_put_back, propagator, restored)
        yield


def _put_back(propagator: Propagator, restored: AbstractContextManager[Any]) -> None:
    with _reporting(propagator):
        restored.__exit__(None, None, None)


@contextmanager
def _reporting(propagator: Propagator) -> Iterator[None]:
    """Log what goes wrong: a request id is not worth a job."""
    try:
        yield
    except Exception:
        name = type(propagator).__qualname__
        logger.exception("%s failed with what a message carried as %r", name, propagator.key)


def propagators() -> list[Propagator]:
    """Return those that are registered, in the order in which plugins are asked."""
    manager.load()
    return [plugin for _, plugin in manager if isinstance(plugin, Propagator)]
