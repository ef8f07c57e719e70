"""The middleware that runs each execution of an actor in a scope."""

from __future__ import annotations

from typing import Any

import dramatiq

from airlock_dramatiq.execution import begin, execute_in_scopes


class AirlockMiddleware(dramatiq.Middleware):
    """Run actors in scopes: `broker.add_middleware(AirlockMiddleware())`.

    What an actor enqueues leaves when it has succeeded. An exception discards it, and so does a
    retry. Actors that the broker has already get it, too.
    """

    def after_declare_actor(self, broker: Any, actor: Any) -> None:
        """Wrap the function of an actor. Dramatiq asks this also for those declared before."""
        execute_in_scopes(actor)

    def before_process_message(self, broker: Any, message: Any) -> None:
        """Note what the worker executes next, in its thread."""
        begin(message.actor_name)

    def after_process_message(
        self, broker: Any, message: Any, *, result: Any = None, exception: Any = None
    ) -> None:
        """Forget it where it did not come to that."""
        begin(None)

    def after_skip_message(self, broker: Any, message: Any) -> None:
        """Forget it where it did not come to that."""
        begin(None)
