"""What can be known at the `enqueue` line: options, arguments, and whether there is a way to go."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airlock import IntentError
from airlock_procrastinate.kinds import is_deferrer
from airlock_procrastinate.options import check_options
from airlock_procrastinate.routing import route_of
from airlock_procrastinate.sending import job_manager_of, job_of

if TYPE_CHECKING:
    from airlock import Intent


def check(intent: Intent, default: Any, strict: bool) -> None:
    """Raise `IntentError` where procrastinate cannot carry the intent.

    Args:
        intent: an intent with a task or a deferrer.
        default: the executor's connection, a function that returns it, or None.
        strict: whether the arguments are to be encoded, too.
    """
    if is_deferrer(intent.task) and intent.dispatch_options:
        raise IntentError(
            f"a deferrer of {intent.task.job.task_name} has its options already. Give them to "
            "configure()."
        )
    check_options(intent.dispatch_options)
    manager = job_manager_of(intent)
    try:
        job = job_of(intent)
    except IntentError:
        raise
    except (TypeError, ValueError, OverflowError) as error:
        raise IntentError(
            f"procrastinate cannot make a job of {intent.name}: {error}. Correct its options."
        ) from error
    route_of(intent, default)
    if strict:
        _check_encoding(intent, job, manager.connector)


def _check_encoding(intent: Intent, job: Any, connector: Any) -> None:
    encode = getattr(connector, "_json_dumps", None) or json.dumps
    try:
        encode(job.task_kwargs)
    except Exception as error:
        raise IntentError(
            f"procrastinate cannot encode the arguments of {intent.name}: {error}. Pass plain "
            "values such as ids, or give the connector json_dumps=..."
        ) from error
