"""Celery. Its broker is a folder: see `shop/broker.py`."""

from collections.abc import Callable
from typing import Any

from celery import Celery
from celery.signals import task_postrun
from django.conf import settings
from orders.executions import executed

import airlock
from airlock_celery import install_context

BROKER = settings.DATA / "broker"
for folder in ("waiting", "taken", "control"):
    (BROKER / folder).mkdir(parents=True, exist_ok=True)

app = Celery("shop")
app.conf.update(
    broker_url="filesystem://",
    broker_transport="shop.broker:Transport",
    broker_transport_options={
        "data_folder_in": BROKER / "waiting",
        "data_folder_out": BROKER / "waiting",
        "control_folder": BROKER / "control",
        # What the worker has taken is kept: evidence of what was sent.
        "store_processed": True,
        "processed_folder": BROKER / "taken",
        "polling_interval": 0.05,
    },
    task_ignore_result=True,
    worker_enable_remote_control=False,  # nobody asks, and each would be more files
)
app.autodiscover_tasks()
install_context()  # what travels with a message, such as the correlation id, is bound again


def task(function: Callable[[str], str]) -> Any:
    """Make a function a task, and each of its executions a scope."""
    return app.task(airlock.scoped()(function))


@task_postrun.connect
def audit(task_id: str, task: Any, args: Any, retval: Any, **_: Any) -> None:
    """Write down what the worker has executed."""
    executed(task_id, task.name, args, retval)
