"""Positional arguments get their names: procrastinate itself drops them without a word."""

from __future__ import annotations

import pytest

import airlock


def sent(task, *args, **kwargs):
    """What a task is enqueued with, once it is through the executor."""
    with airlock.scope(executor="procrastinate") as scope:
        airlock.enqueue(task, *args, **kwargs)
    return scope.intents[0].receipt.task_kwargs


def test_what_procrastinate_does_by_itself(shop, jobs):
    """Without airlock, a positional argument is lost: this is what the plugin prevents."""
    shop.add.defer(1)

    assert jobs.rows("args") == [{}]


def test_positional_arguments_are_bound_to_names(shop):
    """They arrive under the names of their parameters; defaults are left to the worker."""
    assert sent(shop.add, 1) == {"number": 1}
    assert sent(shop.add, 1, 2) == {"number": 1, "more": 2}
    assert sent(shop.greet, 1, greeting="hi") == {"user_id": 1, "greeting": "hi"}


def test_the_context_is_the_workers_to_give(shop):
    """A task with `pass_context` is enqueued without it."""
    assert sent(shop.in_context, 1) == {"number": 1}


def test_further_keywords_arrive_as_they_are(shop):
    """A task with `**more` gets them by their own names."""
    assert sent(shop.open_ended, 1, colour="red") == {"number": 1, "colour": "red"}


def test_a_decorated_function_lends_its_names(shop):
    """Where a decorator below `@app.task` takes `*args`, the names are those of the function in it."""
    assert sent(shop.scoped, 1, 2) == {"number": 1, "more": 2}


def test_a_parameter_may_be_called_self(app):
    """Names that procrastinate's own methods use are no trouble."""

    @app.task(name="selfish")
    def selfish(self, name, connection): ...

    assert sent(selfish, 1, name=2, connection=3) == {"self": 1, "name": 2, "connection": 3}


@pytest.mark.parametrize(
    ("task", "args", "kwargs", "what"),
    [
        ("add", (), {}, "missing a required argument: 'number'"),
        ("add", (1, 2, 3), {}, "too many positional arguments"),
        ("add", (1,), {"colour": "red"}, "unexpected keyword argument 'colour'"),
        ("add", (1,), {"number": 2}, "multiple values for argument 'number'"),
        ("in_context", (), {}, "missing a required argument: 'number'"),
        ("spread", (1, 2), {}, "takes 'numbers' by position alone"),
        ("by_position", (1,), {}, "takes 'number' by position alone"),
    ],
)
def test_what_does_not_fit_is_refused_at_the_enqueue(shop, task, args, kwargs, what):
    """Arguments that would not arrive are an error at the line that gives them."""
    with airlock.scope(executor="procrastinate") as scope:
        with pytest.raises(airlock.IntentError, match=what):
            airlock.enqueue(getattr(shop, task), *args, **kwargs)

    assert len(scope) == 0


def test_a_configured_task_takes_keywords_alone(shop):
    """It no longer knows its function, so a positional argument has no name to travel by."""
    with airlock.scope(executor="procrastinate"):
        with pytest.raises(airlock.IntentError, match="keyword arguments alone"):
            airlock.enqueue(shop.add.configure(queue="urgent"), 1)
