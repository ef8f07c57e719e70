"""How the tasks of the test apps end, each way once for the scoped and for the intercepted app."""

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
    if outcome == "replace":
        raise task.replace(task.app.tasks["shop.replacement"].si(case))
    return f"result of {task.request.id}"
