"""Many messages of one task: what Celery makes once is not made anew, and is the same message."""

from __future__ import annotations

import json

import pytest
import redis
from celery import Celery, Task, signals
from celery._state import _task_stack
from celery.app import amqp
from celery.app.amqp import AMQP
from celery.utils.saferepr import saferepr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kombu.exceptions import EncodeError

import airlock
import airlock_celery
from airlock import State
from airlock_celery.reprs import representation

TEXT = st.text(max_size=20) | st.sampled_from(["it's", 'a "quote"', "back\\slash", "\n", "x" * 300])
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
JSON = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "queue": st.sampled_from(["celery", "emails"]),
        "priority": st.integers(0, 9),
        "ignore_result": st.booleans(),
        "shadow": st.none() | st.just("renamed"),
        "time_limit": st.none() | st.integers(1, 99),
        "soft_time_limit": st.none() | st.floats(1, 99),
        "serializer": st.sampled_from(["json", "pickle"]),
        "compression": st.none() | st.just("zlib"),
        "delivery_mode": st.sampled_from([1, 2]),
        "routing_key": st.just("emails"),
        "countdown": st.just(0),
        "headers": st.just({"tenant": "north"}),
        "expires": st.none(),
        "retry": st.booleans(),
    },
)
CALL = st.tuples(st.lists(JSON, max_size=3), st.dictionaries(TEXT, JSON, max_size=3))
OF_TASKS = st.fixed_dictionaries(
    {},
    optional={
        "ignore_result": st.booleans(),
        "time_limit": st.integers(50, 99),
        "soft_time_limit": st.integers(1, 49),
        "serializer": st.sampled_from(["json", "pickle"]),
        "typing": st.booleans(),
    },
)


@pytest.fixture
def made_by_celery(monkeypatch):
    """Each message that Celery itself makes: the id of its task."""
    ids = []
    original = amqp.task_message

    def task_message(headers, **parts):
        ids.append(headers["id"])
        return original(headers=headers, **parts)

    # Not AMQP.as_task_v2: where that is replaced, Celery makes them all.
    monkeypatch.setattr(amqp, "task_message", task_message)
    return ids


def _raw(broker, queues=("celery", "emails")):
    """Whatever is in the queues: envelopes without the tag that no two messages share."""
    found = []
    with redis.Redis.from_url(broker) as client:
        for key in sorted(client.scan_iter()):
            if key.decode().split("\x06")[0] in queues:
                lines = [json.loads(line) for line in reversed(client.lrange(key, 0, -1))]
                found += [(key, line) for line in lines]
        client.flushdb()
    for _, envelope in found:
        assert envelope["properties"].pop("delivery_tag")
    return found


def test_of_a_hundred_calls_celery_makes_two(app, broker, add, made_by_celery):
    """The first is the model, the second proves it, and all leave in order."""
    with airlock.scope():
        intents = [airlock.enqueue(add, number, right=2) for number in range(100)]

    assert made_by_celery == [intent.id for intent in intents[:2]]
    envelopes = [envelope for _, envelope in _raw(broker)]
    assert [envelope["headers"]["id"] for envelope in envelopes] == [i.id for i in intents]
    assert [envelope["headers"]["argsrepr"] for envelope in envelopes] == [
        f"({number},)" for number in range(100)
    ]
    assert {type(intent.receipt) for intent in intents} == {
        app.AsyncResult(intents[0].id).__class__
    }
    assert [intent.receipt.id for intent in intents] == [intent.id for intent in intents]


def test_the_context_of_a_request_travels_without_making_each_message(
    app, broker, add, made_by_celery
):
    """What `install_context()` listens for is the business of tasks: it costs no stencil."""
    airlock_celery.install_context()
    try:
        with airlock.scope():
            for number in range(10):
                airlock.enqueue(add, number)
    finally:
        for told in (signals.task_prerun, signals.task_postrun, signals.before_task_publish):
            told.disconnect(dispatch_uid="airlock_celery")

    assert len(made_by_celery) == 2
    assert len(_raw(broker)) == 10


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=settings().max_examples // 2,
)
@given(
    calls=st.lists(CALL, min_size=3, max_size=6),
    options=OPTIONS,
    metas=st.lists(st.none() | st.just({"trace": "1"}), min_size=6, max_size=6),
    of_task=OF_TASKS,
)
def test_a_message_is_what_celery_would_have_made(make_app, broker, calls, options, metas, of_task):
    """Headers, properties and bodies of both ways are the same, byte for byte, for any arguments."""
    if "compression" in options and options.get("serializer") == "pickle":
        del options["compression"]
    app = make_app(broker, accept_content=["json", "pickle"])

    @app.task(shared=False, name="shop.any", **of_task)
    def any_task(*args, **kwargs):
        pass

    with airlock.scope():
        intents = []
        for (args, kwargs), meta in zip(calls, metas, strict=False):
            intent = airlock.enqueue(any_task, *args, **kwargs, _dispatch_options=options)
            intent.meta.update(meta or {})
            intents.append(intent)
    ours = _raw(broker)

    for intent, meta in zip(intents, metas, strict=False):
        headers = {**(meta or {}), **(options.get("headers") or {})}
        named = {**options, "task_id": intent.id} | ({"headers": headers} if headers else {})
        any_task.apply_async(intent.args, dict(intent.kwargs), **named)
    assert ours == _raw(broker)
    assert len(ours) == len(calls)
    app.close()


@given(arguments=st.lists(JSON).map(tuple) | st.dictionaries(TEXT, JSON))
def test_arguments_are_shown_as_celery_shows_them(arguments):
    """The short way to show simple arguments is that of Celery's own function."""
    app = Celery("shows", set_as_current=False)
    levels = {"maxlevels": n} if (n := getattr(app.conf, "task_repr_maxlevels", None)) else {}

    expected = saferepr(arguments, app.amqp.argsrepr_maxsize, **levels)
    assert representation(app)(arguments) == expected


class OwnApply(Task):
    """A base class with an `apply_async` of its own."""

    def apply_async(self, args=None, kwargs=None, **options):
        """Mark the message."""
        return super().apply_async(args, kwargs, **{**options, "shadow": f"own {args[0]}"})


def _shadow(task, args, kwargs, options):
    return f"own {args[0]}"


class OwnAMQP(AMQP):
    """An app's own way to make messages."""

    def as_task_v2(self, task_id, name, args=None, *rest, **named):
        """Mark the message."""
        message = super().as_task_v2(task_id, name, args, *rest, **named)
        message.headers["shadow"] = f"own {args[0]}"
        return message


class OwnApp(Celery):
    """An app that sends by itself."""

    def send_task(self, name, args=None, kwargs=None, **options):
        """Mark the message."""
        return super().send_task(name, args, kwargs, **{**options, "shadow": f"own {args[0]}"})


def _route(name, args, kwargs, options, task=None, **rest):
    return {"queue": "emails", "priority": args[0]}


def _tell(headers, body, **rest):
    headers["shadow"] = f"own {body[0][0]}"


def _shadows(broker):
    return [envelope["headers"]["shadow"] for _, envelope in _raw(broker)]


EACH = [f"own {number}" for number in range(5)]


def _send_five(app, **of_task):
    @app.task(shared=False, name="shop.any", **of_task)
    def any_task(number):
        pass

    with airlock.scope():
        for number in range(5):
            airlock.enqueue(any_task, number)


@pytest.mark.parametrize("of_task", [{"base": OwnApply}, {"shadow_name": _shadow}])
def test_what_a_task_overrides_is_asked_for_each_call(app, broker, of_task):
    """An `apply_async` or `shadow_name` of the task's own has its say in every message."""
    _send_five(app, **of_task)

    assert _shadows(broker) == EACH


@pytest.mark.parametrize(
    ("cls", "name"), [(Task, "apply_async"), (Celery, "send_task"), (AMQP, "as_task_v2")]
)
def test_what_is_put_into_celerys_own_class_is_asked_for_each_call(
    app, broker, monkeypatch, cls, name
):
    """As what traces every publish does, whose first two messages may be alike by chance."""
    seen = []
    original = getattr(cls, name)

    def traced(self, *args, **kwargs):
        seen.append(name)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(cls, name, traced)
    _send_five(app)

    assert len(seen) == 5


@pytest.mark.parametrize(("kind", "options"), [(OwnApp, {}), (Celery, {"amqp": OwnAMQP})])
def test_an_app_that_makes_messages_by_itself_is_asked_for_each_call(broker, kind, options):
    """A `send_task` of the app's class, or an `AMQP` of its own, has its say in every message."""
    app = kind("own", broker=broker, set_as_current=False, **options)
    _send_five(app)

    assert _shadows(broker) == EACH
    app.close()


def test_a_router_is_asked_for_each_call(make_app, broker):
    """A function in `task_routes` may choose by the arguments; a dictionary cannot."""
    _send_five(make_app(broker, task_routes=(_route,)))

    priorities = [envelope["properties"]["priority"] for _, envelope in _raw(broker)]
    assert sorted(priorities) == [0, 1, 2, 3, 4]


def test_a_dictionary_of_routes_is_followed(make_app, broker, made_by_celery):
    """`task_routes` by name says the same of every call, so that Celery makes two messages."""
    _send_five(make_app(broker, task_routes={"shop.*": {"queue": "emails", "priority": 3}}))

    found = _raw(broker)
    assert [envelope["properties"]["priority"] for _, envelope in found] == [3] * 5
    assert {key.partition(b"\x06")[0] for key, _ in found} == {b"emails"}
    assert len(made_by_celery) == 2


def test_a_receiver_of_signals_sees_each_message(app, broker):
    """`before_task_publish` may change any message."""
    signals.before_task_publish.connect(_tell)
    try:
        _send_five(app)
    finally:
        signals.before_task_publish.disconnect(_tell)

    assert _shadows(broker) == EACH


def test_the_tasks_and_options_of_a_run_have_stencils_of_their_own(app, broker, made_by_celery):
    """Interleaved calls of two tasks with two priorities: eight messages, each as it must be."""

    def nothing(number):
        pass

    tasks = [app.task(shared=False, name=name)(nothing) for name in ("shop.a", "shop.b")]
    with airlock.scope():
        for number in range(40):
            options = {"priority": 3} if number % 4 > 1 else {}
            airlock.enqueue(tasks[number % 2], number, _dispatch_options=options)

    found = _raw(broker)
    assert len(made_by_celery) == 8
    numbers = {
        (key.decode(), envelope["headers"]["task"], envelope["properties"]["priority"])
        for key, envelope in found
    }
    assert numbers == {
        (key, task, priority)
        for key, priority in (("celery", 0), ("celery\x06\x163", 3))
        for task in ("shop.a", "shop.b")
    }


def test_a_message_that_cannot_be_made_fails_alone(broker, add):
    """Wrong arguments and arguments that are no JSON: the errors are Celery's, the others leave."""
    airlock.configure(strict=False)
    wrong = {4: ((), {}), 6: ((object(),), {})}
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = []
        for number in range(10):
            args, kwargs = wrong.get(number, ((number,), {}))
            intents.append(airlock.enqueue(add, *args, **kwargs))

    assert [i for i, intent in enumerate(intents) if intent.state is State.FAILED] == [4, 6]
    assert [type(error) for error in caught.value.exceptions] == [TypeError, EncodeError]
    assert len(_raw(broker)) == 8


def test_inside_a_task_each_message_has_its_parent(app, broker, add):
    """What a running task enqueues is made by Celery, which knows whose children it makes."""

    @app.task(shared=False, bind=True, name="shop.parent")
    def parent(self):
        with airlock.scope():
            for number in range(4):
                airlock.enqueue(add, number)

    parent.push_request(id="the parent", root_id="the root", called_directly=False)
    _task_stack.push(parent)
    try:
        parent.run()
    finally:
        _task_stack.pop()
        parent.pop_request()

    headers = [envelope["headers"] for _, envelope in _raw(broker)]
    assert [(h["parent_id"], h["root_id"]) for h in headers] == [("the parent", "the root")] * 4
