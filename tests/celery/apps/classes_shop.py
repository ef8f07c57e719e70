"""Tasks of every class that an application may give them, under the global intercept."""

import os

from celery import Celery, Task, shared_task
from pydantic import BaseModel
from shop_journal import BROKER, note

from airlock.integrations.celery import install_global_intercept


class Counted(Task):
    """A class for all tasks of an app, with everything that such a class may have."""

    def __call__(self, *args, **kwargs):
        if args:
            note(args[0], f"{self.name} called")
        return super().__call__(*args, **kwargs)

    def apply_async(self, args=None, kwargs=None, **options):
        headers = {**(options.pop("headers", None) or {}), "published": "once"}
        return super().apply_async(args, kwargs, headers=headers, **options)


if os.environ["AIRLOCK_TEST_TASK_CLASS"] == "task_cls":
    app = Celery("shop", broker=BROKER, backend=BROKER, task_cls=Counted)
elif os.environ["AIRLOCK_TEST_TASK_CLASS"] == "path":
    app = Celery("shop", broker=BROKER, backend=BROKER, task_cls="classes_shop:Counted")
else:
    app = Celery("shop", broker=BROKER, backend=BROKER)
    app.Task = Counted
app.conf.update(task_ignore_result=False, broker_connection_retry_on_startup=True)
install_global_intercept(app)


@app.task(bind=True, name="shop.effect")
def effect(self, case, of):
    note(case, f"effect of {of}, published {(self.request.headers or {}).get('published')}")


def order(case, name, fails):
    effect.delay(case, name)
    note(case, f"{name} runs")
    if fails:
        raise ZeroDivisionError


@app.task(name="shop.plain")
def plain(case, fails):
    order(case, "plain", fails)


@app.task(name="shop.bound", bind=True)
def bound(self, case, fails):
    order(case, f"bound {self.request.id is not None}", fails)


@shared_task(name="shop.shared")
def shared(case, fails):
    order(case, "shared", fails)


class Order(BaseModel):
    number: int


@app.task(name="shop.pydantic", pydantic=True)
def validated(case: str, fails: bool, given: Order | None = None) -> Order:
    order(case, f"pydantic {given.number if given else 0}", fails)
    return Order(number=1)


@app.task(name="shop.publishes_pydantic")
def publishes_pydantic(case, fails):
    validated.delay(case, False, Order(number=7))
    if fails:
        raise ZeroDivisionError


class ByClass(app.Task):
    name = "shop.by_class"

    def run(self, case, fails):
        order(case, "by class", fails)


app.register_task(ByClass())


class Handled(app.Task):
    """Its handlers ask for effects as well; they run before and after the scope."""

    def before_start(self, task_id, args, kwargs):
        effect.delay(args[0], "before_start")

    def on_success(self, retval, task_id, args, kwargs):
        effect.delay(args[0], "on_success")

    def on_failure(self, exc, task_id, args, kwargs, einfo):
        effect.delay(args[0], "on_failure")


@app.task(name="shop.handled", base=Handled)
def handled(case, fails):
    order(case, "handled", fails)
