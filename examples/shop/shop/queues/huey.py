"""Huey. Its broker is an SQLite file."""

from typing import Any

from django.conf import settings
from huey import SqliteHuey
from orders.executions import executed

from airlock_huey import install_scopes

huey = SqliteHuey("shop", filename=str(settings.DATA / "huey.sqlite3"))
install_scopes(huey)  # each execution is a scope

task = huey.task()


@huey.post_execute()
def audit(task: Any, result: Any, error: Exception | None) -> None:
    """Write down what the worker has executed."""
    executed(
        task.id, f"{task.__module__}.{task.name}", task.args, result if error is None else error
    )
