"""An app of before airlock, with direct calls, under the global intercept."""

from celery import Celery, Task, chain, group
from shop_acts import SOON, Broken, act
from shop_journal import BROKER, note

from airlock.integrations.celery import install_global_intercept

app = Celery("shop", broker=BROKER, backend=BROKER)
app.conf.update(task_ignore_result=False, broker_connection_retry_on_startup=True)


@app.task(bind=True, name="shop.effect")
def effect(self, case, of):
    note(case, f"effect of {of}")


install_global_intercept(app)  # before some of the tasks are made, and after others


@app.task(bind=True, name="shop.replacement")
def replacement(self, case):
    note(case, f"replacement {self.request.id}")


@app.task(bind=True, name="shop.legacy")
def legacy(self, case, outcome):
    effect.delay(case, f"run {self.request.retries}")
    return act(self, case, outcome)


@app.task(
    bind=True,
    name="shop.autoretried",
    autoretry_for=(Broken,),
    retry_kwargs={"countdown": SOON, "max_retries": 1},
)
def autoretried(self, case, outcome):
    effect.delay(case, f"run {self.request.retries}")
    return act(self, case, outcome)


class Noted(Task):
    """A base with a `__call__` and an `apply_async` of its own, as tenant libraries have them."""

    def __call__(self, *args, **kwargs):
        note(args[0], f"called with id {self.request.id is not None}")
        return super().__call__(*args, **kwargs)

    def apply_async(self, args=None, kwargs=None, **options):
        note(args[0], "really published")
        return super().apply_async(args, kwargs, **options)


@app.task(bind=True, name="shop.noted", base=Noted)
def noted(self, case, outcome):
    effect.delay(case, f"run {self.request.retries}")
    return act(self, case, outcome)


@app.task(name="shop.publishes_noted")
def publishes_noted(case):
    noted.delay(case, "success")
    note(case, "before the flush")


@app.task(bind=True, name="shop.recursive")
def recursive(self, case, depth):
    """Call itself as a function: that is one execution, in one scope."""
    effect.delay(case, f"depth {depth}")
    if depth:
        recursive(case, depth - 1)
    else:
        note(case, "the end is reached")


@app.task(name="shop.number")
def number(case, value):
    note(case, f"number {value}")
    return value


@app.task(name="shop.total")
def total(numbers, case):
    note(case, f"total {sum(numbers)}")
    return sum(numbers)


@app.task(name="shop.canvas")
def canvas(case, fails):
    """Publish a chord and a chain; nothing of them may leave where the task fails."""
    (group(number.s(case, value) for value in (1, 2, 3)) | total.s(case)).delay()
    chain(number.si(case, 10), number.si(case, 20)).delay()
    note(case, "published")
    if fails:
        raise Broken
