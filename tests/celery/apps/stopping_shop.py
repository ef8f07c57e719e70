"""An app of before airlock, whose tasks are stopped in the middle, or whose worker is."""

import os
import signal
import time

from celery import Celery, Task
from shop_journal import BROKER, JOURNAL, is_first, note

from airlock.integrations.celery import install_global_intercept

app = Celery("shop", broker=BROKER, backend=JOURNAL)
app.conf.update(
    task_ignore_result=False,
    broker_connection_retry_on_startup=True,
    worker_prefetch_multiplier=1,
    # What a killed worker had not acknowledged comes again soon.
    broker_transport_options={"visibility_timeout": 3} if BROKER.startswith("redis") else {},
)
install_global_intercept(app)


class Published(Task):
    """Things happen while its message is really published: in the flush."""

    def apply_async(self, args=None, kwargs=None, **options):
        case, what = args
        if what == "hangs":
            note(case, "the flush hangs")
            time.sleep(20)
        if what == "kills" and is_first(case, "kill"):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().apply_async(args, kwargs, **options)


@app.task(name="shop.effect", base=Published)
def effect(case, what):
    note(case, f"effect {what}")


def order(case, then):
    """Ask for three effects, and come to an end as the test wants it."""
    note(case, "run")
    for what in ("before", then, "after"):
        effect.delay(case, what)
    if then == "sleeps":
        time.sleep(2)
        note(case, "slept")
    if then == "sleeps once" and is_first(case, "sleep"):
        time.sleep(20)
    if then == "exits":
        raise SystemExit(1)


app.task(order, name="shop.order")
app.task(order, name="shop.late_order", acks_late=True, reject_on_worker_lost=True)
