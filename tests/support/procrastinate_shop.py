"""Tasks of procrastinate's for the tests, registered with whatever app a test has."""

from __future__ import annotations

from types import SimpleNamespace

import procrastinate

import airlock


def tasks_of(app: procrastinate.App | procrastinate.Blueprint) -> SimpleNamespace:
    """Register the tasks, and return them by their names."""

    @app.task(name="add", queue="numbers")
    def add(number, more=0): ...

    @app.task(name="greet", queue="greetings", priority=3)
    async def greet(user_id, *, greeting="hello"): ...

    @app.task(name="in_context", pass_context=True)
    def in_context(context, number): ...

    @app.task(name="spread")
    def spread(*numbers): ...

    @app.task(name="by_position")
    def by_position(number, /): ...

    @app.task(name="open_ended")
    def open_ended(number, **more): ...

    @app.task(name="one_at_a_time", queueing_lock="only one")
    def one_at_a_time(number): ...

    @app.task(name="scoped")
    @airlock.scoped()
    def scoped(number, more=0): ...

    named = (add, greet, in_context, spread, by_position, open_ended, one_at_a_time, scoped)
    return SimpleNamespace(**{task.name: task for task in named})
