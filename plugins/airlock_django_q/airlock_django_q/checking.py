"""What can be known at the `enqueue` line: can a worker import it, are its options django-q's."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from airlock import IntentError
from airlock_core.calls import check_arguments, is_coroutine_function, unwrapped
from airlock_core.names import task_name
from airlock_django_q.kinds import is_of_another_queue
from airlock_django_q.options import NAMES, linked

if TYPE_CHECKING:
    from airlock import Intent

_MOVE = "Define it in a module that the worker can import."

# What django-q would stumble over in the worker, and not before: there, it ends the worker.
_KINDS: dict[str, tuple[type, ...]] = {
    "ack_failure": (bool,),
    "cached": (bool, int),
    "chain": (list, tuple),
    "cluster": (str,),
    "group": (str, int),
    "save": (bool,),
    "sync": (bool,),
    "task_name": (str,),
    "timeout": (int,),
}

# The length of their columns in django-q's tables.
_LONGEST = dict.fromkeys(("cluster", "group", "task_name"), 100)


def check(intent: Intent, options: Mapping[str, Any], strict: bool) -> None:
    """Raise `IntentError` where django-q cannot carry the intent.

    Args:
        intent: the intent.
        options: its options.
        strict: whether the arguments are to fit the function, and to be pickled, too.
    """
    _check_installed()
    check_task(intent.task)
    check_options(options)
    if not strict:
        return
    if callable(intent.task):
        check_arguments(intent.task, intent.args, intent.kwargs)
    from airlock_django_q.sending import package_of, signed

    try:
        signed(package_of(intent, options))
    except Exception as error:
        raise IntentError(
            f"django-q cannot make a package of {intent.name}: {error}. Pass plain values such as "
            "ids."
        ) from error


def _check_installed() -> None:
    try:
        from django.apps import apps
    except ModuleNotFoundError:
        raise IntentError(
            "airlock-django-q needs django-q2, which is not installed: pip install django-q2"
        ) from None
    if not (apps.models_ready and apps.is_installed("django_q")):
        raise IntentError(
            "django-q is not set up in this process. Add 'django_q' to INSTALLED_APPS and, outside "
            "of manage.py, call django.setup() first."
        )


def check_task(task: Any) -> None:
    """Raise `IntentError` where no worker could import a task, a hook or a step of a chain."""
    name = task_name(task)
    if is_of_another_queue(task):
        raise IntentError(
            f"{name} is a task of another queue, and django-q would run it past that. Leave out "
            'executor="django_q", so that it goes home.'
        )
    if isinstance(task, str):
        if not all(part.isidentifier() for part in task.split(".")):
            raise IntentError(f'{task!r} is no dotted path. Give one such as "shop.tasks.send".')
        module = task.rpartition(".")[0]
    elif not callable(task):
        raise IntentError(
            f"{task!r} is no function. django-q carries functions, and dotted paths to them."
        )
    else:
        module = getattr(unwrapped(task), "__module__", None) or ""
    if module.partition(".")[0] == "__main__":
        raise IntentError(f"{name} is in __main__, which is another module in a worker. {_MOVE}")
    if isinstance(task, str):
        return
    if is_coroutine_function(task):
        raise IntentError(
            f"{name} is an `async def`, which django-q does not await. Enqueue a plain function "
            "that calls asgiref.sync.async_to_sync() on it."
        )
    try:
        pickle.dumps(task)
    except Exception as error:
        raise IntentError(f"{name} cannot be sent to a worker: {error}. {_MOVE}") from error


def check_options(options: Mapping[str, Any]) -> None:
    """Raise `IntentError` where `_dispatch_options` are not what django-q takes."""
    if reserved := {"args", "kwargs", "q_options"} & options.keys():
        raise IntentError(
            f"_dispatch_options cannot hold {min(reserved)!r}. They are the q_options; give the "
            "function's arguments to enqueue() itself."
        )
    for name, value in options.items():
        if name not in NAMES:
            close = get_close_matches(str(name), NAMES, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise IntentError(
                f"django-q has no option {name!r}.{hint} It has: {', '.join(sorted(NAMES))}."
            )
        kinds = _KINDS.get(name)
        if kinds and not (isinstance(value, kinds) and (bool in kinds or value is not True)):
            expected = " or ".join(kind.__name__ for kind in kinds)
            raise IntentError(f"{name}={value!r} in _dispatch_options must be: {expected}.")
        if name in _LONGEST and not 0 < len(str(value)) <= _LONGEST[name]:
            raise IntentError(
                f"{name}={value!r} in _dispatch_options must have 1 to {_LONGEST[name]} "
                "characters, as its column in the database."
            )
        if name in _LONGEST and not _can_be_stored(str(value)):
            raise IntentError(
                f"{name}={value!r} in _dispatch_options cannot be stored in a database. Leave out "
                "null characters and surrogates."
            )
    if "broker" in options and not callable(getattr(options["broker"], "enqueue", None)):
        raise IntentError(
            f"broker={options['broker']!r} must be a broker, such as django_q.brokers.get_broker() "
            "returns. The name of a cluster is the option 'cluster'."
        )
    for step in options.get("chain", ()):
        if isinstance(step, tuple) and not _is_step(*step):
            raise IntentError(
                f"{step!r} is no step of a chain. Give a function, or a tuple of it, a tuple of "
                "its arguments and a dictionary of its keywords."
            )
    for task in linked(options):
        check_task(task)


def _can_be_stored(text: str) -> bool:
    """Whether a database takes it; where it refuses a row, it undoes the work beside it."""
    return "\0" not in text and not any("\ud800" <= each <= "\udfff" for each in text)


def _is_step(*parts: Any) -> bool:
    kinds = (object, tuple | list, dict)
    return 0 < len(parts) <= 3 and all(map(isinstance, parts, kinds))
