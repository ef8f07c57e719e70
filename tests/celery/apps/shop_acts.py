"""How the tasks of the test apps end, each way once for the scoped and for the intercepted app."""

from celery import chain, chord
from shop_journal import note

# Not at once: the first run would write its state after the second.
SOON = 0.2


class Broken(Exception):
    """What makes a task fail."""


def act(task, case, outcome):
    """End as the test wants it: `self` is the bound task."""
    note(case, f"run {task.request.retries}")
    if outcome == "failure":
        raise Broken
    if outcome == "retry forever" or (outcome == "retry" and task.request.retries == 0):
        raise task.retry(countdown=SOON, max_retries=1)
    if outcome == "autoretry forever" or (outcome == "autoretry" and task.request.retries == 0):
        raise Broken
    replacement = task.app.tasks["shop.replacement"].si(case)
    if outcome == "replace":
        raise task.replace(replacement)
    if outcome == "replace by a chain":
        raise task.replace(chain(task.app.tasks["shop.effect"].si(case, "the chain"), replacement))
    if outcome == "replace by a chord":
        header = [task.app.tasks["shop.effect"].si(case, "the header")] * 2
        raise task.replace(chord(header, replacement))
    if outcome == "send itself":
        task.apply_async((case, "success"), task_id=task.request.id)
        raise Broken
    return f"result of {task.request.id}"
