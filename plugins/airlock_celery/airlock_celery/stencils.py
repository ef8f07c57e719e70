"""Many messages of one task: Celery makes two, and the others are made after their likeness.

A message that Celery makes costs 75 µs, mostly to find out again what is the same for every call of
the task: its queue, its options, the settings. After a stencil it costs 20. It is the same message:
where anything of the application's own could make a difference between two calls, or the second
message that Celery makes is not what the stencil says, Celery makes them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airlock_celery.headers import headers_of
from airlock_celery.kinds import is_task
from airlock_celery.messages import Made, Messages
from airlock_celery.plainness import is_plain
from airlock_celery.reprs import representation

if TYPE_CHECKING:
    from airlock import Intent

# Options whose values say the same of every call.
_CONSTANT = frozenset({
    "compression", "delivery_mode", "exchange", "ignore_result", "priority", "queue",
    "routing_key", "serializer", "shadow", "soft_time_limit", "time_limit",
})  # fmt: skip

_SIMPLE = (str, int, float, bool, type(None))


class Stencils:
    """The stencils of one run.

    Args:
        app: the Celery app of the run.
        producer: what will send its messages.
    """

    def __init__(self, app: Any, producer: Any) -> None:
        """Begin with none."""
        self._app = app
        self._producer = producer
        self._plain: dict[int, bool] = {}
        self._models: dict[Any, _Model | None] = {}

    def make(self, intent: Intent) -> tuple[Any, Messages] | None:
        """Make the result and the message of an intent, or return None where Celery must.

        Raises:
            Exception: the arguments do not fit, or cannot be encoded.
        """
        model = self._models.get(self._key(intent))
        if model is None or not model.proven:
            return None
        messages = Messages(self._producer)
        return intent.run(model.fill_in, intent, messages), messages

    def learn(self, intent: Intent, messages: Messages) -> None:
        """Look at a message that Celery has made: the first is a model, the second proves it."""
        key = self._key(intent)
        if key is None:
            return
        if key not in self._models:
            self._models[key] = _Model.of(self._app, intent, messages)
        elif (model := self._models[key]) is not None and not model.predicts(intent, messages):
            self._models[key] = None

    def _key(self, intent: Intent) -> Any:
        """Return what two intents have in common whose messages differ in nothing else."""
        task, options = intent.task, intent.dispatch_options
        plain = self._plain.get(id(task))
        if plain is None:
            plain = self._plain[id(task)] = is_task(task) and is_plain(task, self._app)
        if not plain:
            return None
        if not options:
            return id(task)
        if options.keys() <= _CONSTANT and all(type(v) in _SIMPLE for v in options.values()):
            return id(task), *((name, type(value), value) for name, value in options.items())
        return None


class _Model:
    """A message that Celery has made, and what is different in the next of its task.

    Args:
        app: the Celery app.
        task: the task.
        made: body, serializer and options of the message.
        own: the headers in it that are its intent's own.
    """

    def __init__(self, app: Any, task: Any, made: Made, own: Mapping[str, Any]) -> None:
        """Take the message apart."""
        body, self._serializer, self._options = made
        self._task = task
        self._result = task.AsyncResult
        self._embed = body[2]
        self._headers = {k: v for k, v in self._options["headers"].items() if k not in own}
        self._ignored = self._headers["ignore_result"]
        self._announce = app.backend.on_task_call
        self._represent = representation(app)
        self.proven = False

    @classmethod
    def of(cls, app: Any, intent: Intent, messages: Messages) -> _Model | None:
        """Take the one message of an intent for a model, if it can be one."""
        made = messages.made
        if len(made) != 1 or made[0][1] is None:
            return None
        body, _, options = made[0]
        headers = options.get("headers") or {}
        usual = (
            headers.get("id") == headers.get("root_id") == options.get("correlation_id")
            and headers["id"] == intent.id
            and isinstance(body, tuple)
            and body[:2] == (intent.args, dict(intent.kwargs))
        )
        return cls(app, intent.task, made[0], headers_of(intent)) if usual else None

    def fill_in(self, intent: Intent, messages: Messages) -> Any:
        """Make the message of another intent.

        Returns:
            Celery's own result.
        """
        task_id = intent.id
        if self._task.typing:
            self._task.__header__(*intent.args, **intent.kwargs)
        if not self._ignored:
            self._announce(messages, task_id)
        self._publish(intent, messages)
        result = self._result(task_id)
        result.ignored = self._ignored
        return result

    def predicts(self, intent: Intent, messages: Messages) -> bool:
        """Whether Celery has made of an intent what the stencil would have made."""
        ours = Messages(None)
        self._publish(intent, ours)
        self.proven = ours.kept == messages.kept
        return self.proven

    def _publish(self, intent: Intent, messages: Messages) -> None:
        task_id, args, kwargs = intent.id, intent.args, dict(intent.kwargs)
        headers = {
            **self._headers,
            "id": task_id,
            "root_id": task_id,
            "timelimit": [*self._headers["timelimit"]],
            "argsrepr": self._represent(args),
            "kwargsrepr": self._represent(kwargs),
            "stamps": {},
            **headers_of(intent),
        }
        options = {**self._options, "headers": headers, "correlation_id": task_id}
        messages.publish((args, kwargs, self._embed), serializer=self._serializer, **options)
