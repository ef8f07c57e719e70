"""The outcomes of the matrix: how each comes about. The workers are in celery_matrix_worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celery import VERSION, Celery, chain, chord

POOLS = ("prefork", "threads", "solo", "gevent")

Start = Callable[[Celery, str], Any]


def _sent(task: str) -> Start:
    return lambda client, case: client.send_task(f"matrix.{task}", (case,), task_id=case)


def _part(client: Celery, task: str, case: str, *args: str) -> Any:
    return client.signature(f"matrix.{task}", (case, *args), immutable=True)


def _linked(client: Celery, case: str) -> None:
    callback = _part(client, "step", case, "callback")
    _part(client, "success", case).set(task_id=case, link=[callback]).delay()


def _with_errback(client: Celery, case: str) -> None:
    errback = client.signature("matrix.errback", (case,))
    _part(client, "failure", case).set(task_id=case, link_error=[errback]).delay()


def _with_errback_by_id(client: Celery, case: str) -> None:
    errback = client.signature("matrix.errback_by_id")
    _part(client, "failure", case).set(task_id=case, link_error=[errback]).delay()


def _in_a_chord(client: Celery, case: str) -> None:
    header = [
        _part(client, "failure", case).set(task_id=case),
        _part(client, "step", case, "the other member"),
    ]
    body = _part(client, "step", case, "body")
    body.link_error(client.signature("matrix.errback", (case,)))
    chord(header, body, app=client).delay()


def _in_a_chain(client: Celery, case: str) -> None:
    chain(
        _part(client, "step", case, "step 1"),
        _part(client, "failure", case).set(task_id=case),
        _part(client, "step", case, "step 3"),
        app=client,
    ).delay()


def _revoked(client: Celery, case: str) -> None:
    # A worker that has just begun to listen may miss the first word.
    answers = (client.control.revoke(case, reply=True, limit=1, timeout=3) for _ in range(10))
    assert any(answers)
    _sent("success")(client, case)


#: Each outcome, as the table names it, and what has to be sent for it.
OUTCOMES: dict[str, Start] = {
    "success": _sent("success"),
    "success, with `acks_late`": _sent("acks_late"),
    "an exception": _sent("failure"),
    "`self.retry()` once, then success": _sent("retry_once"),
    "`self.retry()` until `max_retries`": _sent("retry_forever"),
    "`self.retry(throw=False)` once": _sent("retry_quietly"),
    "`autoretry_for` once, then success": _sent("autoretry_once"),
    "`autoretry_for` with `retry_backoff`, then success": _sent("autoretry_backoff"),
    "`autoretry_for` until `max_retries`": _sent("autoretry_forever"),
    "`self.replace()` by a task": _sent("replace_task"),
    "`self.replace()` by a chain": _sent("replace_chain"),
    "`self.replace()` by a group": _sent("replace_group"),
    "`self.replace()` by a chord": _sent("replace_chord"),
    "`raise Ignore()`": _sent("ignore"),
    "`raise Reject(requeue=False)` (Celery 5.7)": _sent("reject"),
    "`raise Reject(requeue=True)` once, then success": _sent("requeue"),
    "success, with a `link`": _linked,
    "an exception, with a `link_error`": _with_errback,
    "an exception, with a `link_error` that takes the id alone": _with_errback_by_id,
    "an exception in the header of a chord": _in_a_chord,
    "an exception in step 2 of a chain": _in_a_chain,
    "the soft time limit (prefork)": _sent("soft_limit"),
    "the hard time limit (prefork)": _sent("hard_limit"),
    "`SystemExit` (prefork)": _sent("system_exit"),
    "the child is killed (prefork)": _sent("killed"),
    "the child is killed once, with `reject_on_worker_lost` (prefork)": _sent("killed_once"),
    "revoked while it runs, with `terminate` (prefork)": _sent("terminated"),
    "revoked before it runs": _revoked,
    "an effect that cannot be encoded": _sent("unsendable"),
    "an effect that cannot be encoded, once, with `autoretry_for=(Exception,)`": _sent(
        "unsendable_once"
    ),
    "an effect that cannot be encoded, then `self.replace()`": _sent("unsendable_replaced"),
    "success, with handlers that publish": _sent("handled_success"),
    "`self.retry()` once, with handlers that publish": _sent("handled_retry"),
    "an exception, with handlers that publish": _sent("handled_failure"),
    "calls another task as a function": _sent("calls"),
    "calls another task as a function, and fails": _sent("calls_and_fails"),
    "calls another with `.apply()`": _sent("applies"),
    "calls another with `.apply()`, and fails": _sent("applies_and_fails"),
    "calls another with `.apply()`, which fails": _sent("applies_a_failure"),
    "calls another with `.apply()`, which is retried once": _sent("applies_a_retry"),
}


def outcomes_of(pool: str) -> list[str]:
    """Return the outcomes that a pool knows, and the Celery that is installed."""
    missing = []
    if pool != "prefork":
        missing.append("(prefork)")
    if VERSION < (5, 7):
        missing.append("(Celery 5.7)")
    return [name for name in OUTCOMES if not name.endswith(tuple(missing))]
