"""An app of before airlock, which gets the intercept when a signal of Celery's is sent."""

import os

from celery import Celery, signals
from shop_acts import act
from shop_journal import BROKER, note

from airlock.integrations.celery import install_global_intercept

app = Celery("shop", broker=BROKER, backend=BROKER)
app.conf.update(task_ignore_result=False, broker_connection_retry_on_startup=True)


@app.task(bind=True, name="shop.effect")
def effect(self, case, of):
    note(case, f"effect of {of}")


@app.task(bind=True, name="shop.replacement")
def replacement(self, case):
    note(case, f"replacement {self.request.id}")


@app.task(bind=True, name="shop.legacy")
def legacy(self, case, outcome):
    effect.delay(case, f"run {self.request.retries}")
    return act(self, case, outcome)


@getattr(signals, os.environ["AIRLOCK_TEST_SIGNAL"]).connect(weak=False)
def install(**options):
    install_global_intercept(app)
    install_global_intercept(app)  # once more is nothing
