"""An app whose tasks run in scopes that they open themselves."""

import json

from celery import Celery, chain, chord, group, signature
from shop_acts import SOON, Broken, act
from shop_journal import BROKER, note

import airlock
from airlock.integrations.celery import LegacyTaskShim

app = Celery("shop", broker=BROKER, backend=BROKER)
app.conf.update(task_ignore_result=False, broker_connection_retry_on_startup=True)


@app.task(bind=True, name="shop.effect")
def effect(self, case, of):
    note(case, f"effect of {of}")


@app.task(bind=True, name="shop.replacement")
def replacement(self, case):
    note(case, f"replacement {self.request.id}")


@app.task(bind=True, name="shop.scoped")
@airlock.scoped()
def scoped(self, case, outcome):
    airlock.enqueue(effect, case, f"run {self.request.retries}")
    return act(self, case, outcome)


@app.task(
    bind=True,
    name="shop.autoretried",
    autoretry_for=(Broken,),
    retry_kwargs={"countdown": SOON, "max_retries": 1},
)
@airlock.scoped()
def autoretried(self, case, outcome):
    airlock.enqueue(effect, case, f"run {self.request.retries}")
    return act(self, case, outcome)


@app.task(bind=True, name="shop.in_a_block")
def in_a_block(self, case, outcome):
    with airlock.scope():
        airlock.enqueue(effect, case, f"run {self.request.retries}")
        note(case, f"run {self.request.retries}")
        if outcome == "failure":
            raise Broken
    note(case, "after the block")


@app.task(bind=True, name="shop.request")
def request(self, case):
    """Write down how the message arrived."""
    seen = self.request
    headers = seen.headers or {}
    note(
        case,
        json.dumps(
            {
                "id": seen.id,
                "headers": {key: headers.get(key) for key in ("traceparent", "shop")},
                "queue": seen.delivery_info["routing_key"],
                "priority": seen.delivery_info["priority"],
                "eta": seen.eta,
                "parent": seen.parent_id,
            }
        ),
    )


@app.task(name="shop.unflushable")
@airlock.scoped()
def unflushable(case):
    airlock.enqueue(effect, case, object())  # no serializer takes it; strict is off in a worker


@app.task(name="shop.total")
def total(numbers, case):
    note(case, f"total {sum(numbers)}")
    return sum(numbers)


@app.task(name="shop.number")
def number(case, value):
    note(case, f"number {value}")
    return value


@app.task(name="shop.add")
def add(left, right):
    return left + right


@app.task(bind=True, name="shop.canvases")
def canvases(self, case):
    """Enqueue each kind of canvas, and write down the ids: those of the intents, and Celery's."""
    with airlock.scope():
        intents = [
            airlock.enqueue(chain(add.s(1, 2), add.s(3), add.s(4))),
            airlock.enqueue(chord([number.s(case, 3), number.s(case, 4)], total.s(case))),
            airlock.enqueue(signature("shop.add", app=app), 5, 6),
            airlock.enqueue(group(number.s(case, 1), number.s(case, 2))),
        ]
        ids = [intent.id for intent in intents]
    assert [intent.receipt.id for intent in intents] == ids
    return [*ids[:-1], *(part.id for part in intents[-1].receipt.results)]


@app.task(bind=True, name="shop.shimmed", base=LegacyTaskShim)
def shimmed(self, case, outcome):
    return act(self, case, outcome)


@app.task(name="shop.shimmed_step", base=LegacyTaskShim)
def shimmed_step(given, case, line):
    note(case, line)
    return line


@app.task(name="shop.shimmed_errback", base=LegacyTaskShim)
def shimmed_errback(request, error, traceback, case):
    note(case, "errback")


@app.task(name="shop.shimmed_canvases")
@airlock.scoped()
def shimmed_canvases(case):
    """Enqueue canvases of shimmed tasks: the worker publishes their later parts, in no scope."""
    step = shimmed_step.s
    airlock.enqueue(chain(step(0, case, "first"), step(case, "second"), step(case, "third")))
    airlock.enqueue(chord([step(0, case, "header"), step(0, case, "header")], step(case, "body")))
    airlock.enqueue(step(0, case, "alone").on_error(shimmed_errback.s(case)))
    linked = step(0, case, "linked")
    linked.link(step(case, "callback"))
    airlock.enqueue(linked)
    failing = shimmed.s(case, "failure")
    failing.link_error(shimmed_errback.s(case))
    airlock.enqueue(failing)


@app.task(bind=True, name="shop.parent")
@airlock.scoped()
def parent(self, case):
    airlock.enqueue(request, case)


@app.task(name="shop.delays_directly")
def delays_directly(case):
    """Publish a shimmed task outside any scope, which is refused."""
    shimmed.delay(case, "success")
