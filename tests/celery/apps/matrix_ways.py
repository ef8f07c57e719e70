"""The ways to ask for effects that the matrix compares. Plain Celery imports nothing of airlock."""

import os

from celery import Celery
from shop_journal import BROKER, JOURNAL, client, note

WAY = os.environ["AIRLOCK_TEST_WAY"]

# The results are where the journal is, in Redis, wherever the messages are.
app = Celery("shop", broker=BROKER, backend=JOURNAL)
app.conf.update(task_ignore_result=False, broker_connection_retry_on_startup=True)

if WAY in ("wrap off", "intercept"):
    from airlock.integrations.celery import install_global_intercept

    install_global_intercept(app, wrap_task_execution=WAY == "intercept")

if WAY == "scoped":
    import airlock

    body = airlock.scoped()

    def ask(case, of):
        airlock.enqueue(effect, case, of)

else:

    def body(function):
        return function

    def ask(case, of):
        effect.delay(case, of)


@app.task(name="matrix.effect")
def effect(case, of):
    note(case, f"effect {of}")


def begin(case):
    """Note a run and ask for its effect; return its number, which a requeued message has not."""
    number = int(client.incr(f"runs:{case}"))
    note(case, f"run {number}")
    ask(case, number)
    return number


def arrive(meeting):
    """Return how many have come to a meeting by now, the caller included."""
    return int(client.incr(meeting))


def present(meeting):
    """Return how many have come to a meeting."""
    return int(client.get(meeting))


def outcome(name, **options):
    """Make a bound task whose body is run in the way that is being compared."""

    def make(function):
        return app.task(bind=True, name=f"matrix.{name}", **options)(body(function))

    return make
