"""What is refused at the `enqueue` line, and what the refusal says."""

from __future__ import annotations

import functools
import subprocess
import sys
import threading
from datetime import timedelta

import pytest
from celery import Celery
from rq import Queue, Retry

import airlock
import rq_shop
from airlock import IntentError
from airlock_rq import RQExecutor


@pytest.fixture
def executor(queue):
    return RQExecutor(queue)


class Unpicklable:
    """An object that cannot travel."""

    def __init__(self):
        self.lock = threading.Lock()

    def work(self): ...

    def __call__(self): ...


def gone(): ...


gone_function = gone
del gone


def refusal(executor, task, *args, **kwargs) -> str:
    """What the refusal of an enqueue says; nothing else is held, and nothing leaves."""
    with airlock.scope(executor=executor) as scope:
        with pytest.raises(IntentError) as caught:
            airlock.enqueue(task, *args, **kwargs)
        assert len(scope) == 0
    return str(caught.value)


def test_functions_that_no_worker_finds(executor):
    """Lambdas, functions in functions and what is no longer in its module, also inside a partial."""

    def nested(): ...

    for task in (lambda: 1, nested, functools.partial(nested)):
        assert "inside a function, where no worker finds it" in refusal(executor, task)
    assert "gone is not there to be imported" in refusal(executor, gone_function)


def test_functions_of_main(tmp_path):
    """`__main__` is another module in a worker."""
    program = tmp_path / "program.py"
    program.write_text("""
import airlock, redis, rq
from airlock_rq import RQExecutor

def work(): ...

airlock.configure(executor=RQExecutor(rq.Queue(connection=redis.Redis())))
with airlock.scope():
    for task in (work, "__main__.work"):
        try:
            airlock.enqueue(task)
        except airlock.IntentError as error:
            print(error)
""")
    run = subprocess.run([sys.executable, str(program)], capture_output=True, text=True)

    assert (
        run.stdout.splitlines()
        == [
            "__main__.work is in __main__, which is another module in a worker. "
            "Define it in a module that the worker can import."
        ]
        * 2
    ), run.stderr


@pytest.mark.parametrize("strict", [True, False])
def test_objects_that_cannot_travel_with_their_method(executor, strict):
    """A bound method takes its object along, so that must be one that can be pickled."""
    airlock.configure(strict=strict)
    for task in (Unpicklable().work, Unpicklable(), functools.partial(Unpicklable().work)):
        assert "RQ cannot make a job of" in refusal(executor, task)


def test_what_is_no_function(executor):
    """Classes, numbers, and strings that are no dotted path."""
    for task in (Unpicklable, 7, None):
        assert "is no function" in refusal(executor, task)
    for task in ("send an e-mail", "shop..send", ""):
        assert "is no dotted path" in refusal(executor, task)


def test_tasks_of_other_queues(executor):
    """A Celery task is for Celery, and RQ would run it at once in its worker."""
    app = Celery("shop", broker="memory://", set_as_current=False)

    @app.task(shared=False)
    def task(): ...

    assert "is a task of another queue" in refusal(executor, task)
    assert "is a task of another queue" in refusal(executor, task.s())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"job_timout": 3}, "RQ has no option 'job_timout'. Did you mean 'job_timeout'? It has: "),
        ({"countdown": 3}, "time_delta"),
        ({"pipeline": object()}, "RQ has no option 'pipeline'"),
        ({"args": (1,)}, "Give the function's arguments to enqueue() itself"),
        ({"job_id": "order 7"}, "job_id='order 7' cannot serve: Job ID must only contain letters"),
        ({"job_id": 7}, "job_id=7 cannot serve: Job ID must be a string"),
        ({"timeout": 1, "job_timeout": 2}, "'timeout' and 'job_timeout' are one option"),
        ({"time_delta": 60}, "time_delta=60 must be a datetime.timedelta"),
        ({"datetime": timedelta(1)}, "must be a datetime.datetime"),
        ({"queue": 7}, "queue=7 must be an rq.Queue, or the name of one"),
        ({"queue": ""}, "queue='' must be an rq.Queue, or the name of one"),
    ],
)
def test_options_that_rq_does_not_have(executor, options, says):
    """Unknown names are refused with the known ones, and values that cannot serve with the reason."""
    assert says in refusal(executor, rq_shop.add, 1, _dispatch_options=options)


def test_none_is_an_option_that_is_not_given(executor, queue):
    """As RQ has it: the id is then airlock's own, and the job is for now."""
    with airlock.scope(executor=executor):
        options = {"job_id": None, "time_delta": None}
        intent = airlock.enqueue(rq_shop.add, 1, _dispatch_options=options)

    assert queue.job_ids == [intent.id]


def test_a_unique_job_needs_an_id(executor):
    """Without an id of the caller's own, every job would be unique."""
    assert "Give a 'job_id'" in refusal(
        executor, rq_shop.add, 1, _dispatch_options={"unique": True}
    )


def test_strict_looks_at_arguments_and_values(executor):
    """With `strict`, what RQ would refuse at the flush is refused where it is enqueued."""
    airlock.configure(strict=True)

    assert "does not take these arguments" in refusal(executor, rq_shop.add)
    assert "RQ cannot make a job of rq_shop.add" in refusal(executor, rq_shop.add, lambda: 1)
    for options in ({"ttl": -1}, {"retry": 3}, {"depends_on": object()}, {"description": object()}):
        says = refusal(executor, rq_shop.add, 1, _dispatch_options=options)
        assert "RQ cannot make a job of rq_shop.add" in says


def test_strict_needs_no_redis(connect, free_port):
    """Looking costs no round trip: Redis need not even be there."""
    airlock.configure(strict=True)
    queue = Queue(connection=connect(f"redis://127.0.0.1:{free_port()}/0"))
    with airlock.scope(executor=RQExecutor(queue)) as scope:
        options = {"retry": Retry(max=1), "meta": {"a": 1}, "time_delta": timedelta(1)}
        airlock.enqueue(rq_shop.add, 1, _dispatch_options=options)
        airlock.enqueue(rq_shop.Counter(1).count, 1)
        scope.discard()


def test_an_executor_needs_a_queue():
    """`RQExecutor` says what it takes."""
    with pytest.raises(airlock.ConfigurationError, match=r"needs an rq\.Queue"):
        RQExecutor(7)
