"""A task for each way in which a task can end. Which of them asks how is in matrix_ways."""

import os
import signal
import sys
import time

from celery import Task, chain, chord, group
from celery.exceptions import Ignore, Reject
from matrix_ways import app, arrive, ask, begin, body, effect, outcome, present
from shop_acts import SOON, Broken
from shop_journal import note

LONG = 60
ONCE = {"countdown": SOON, "max_retries": 1}


@app.task(name="matrix.step")
def step(case, name):
    note(case, f"also {name}")


@app.task(name="matrix.errback")
@body
def errback(request, error, traceback, case):
    note(case, "also errback")
    ask(case, "errback")


@app.task(name="matrix.errback_by_id")
@body
def errback_by_id(case):  # Celery tells from its arguments how to call it
    note(case, "also errback")
    effect.delay(case, "errback")


@app.task(name="matrix.meet", ignore_result=True)
def meet(meeting, size):
    """Return when as many have come as can run at once: whatever was sent before is done then."""
    deadline = time.monotonic() + LONG
    arrive(meeting)
    while present(meeting) < size and time.monotonic() < deadline:
        time.sleep(0.005)


@outcome("success")
def success(self, case):
    begin(case)


@outcome("acks_late", acks_late=True)
def acks_late(self, case):
    begin(case)


@outcome("failure")
def failure(self, case):
    begin(case)
    raise Broken


@outcome("retry_once")
def retry_once(self, case):
    if begin(case) == 1:
        raise self.retry(**ONCE)


@outcome("retry_forever")
def retry_forever(self, case):
    begin(case)
    raise self.retry(**ONCE)


@outcome("retry_quietly")
def retry_quietly(self, case):
    if begin(case) == 1:
        self.retry(throw=False, **ONCE)


@outcome("autoretry_once", autoretry_for=(Broken,), retry_kwargs=ONCE)
def autoretry_once(self, case):
    if begin(case) == 1:
        raise Broken


@outcome(
    "autoretry_backoff",
    autoretry_for=(Broken,),
    retry_backoff=True,
    retry_backoff_max=1,
    retry_jitter=False,
)
def autoretry_backoff(self, case):
    if begin(case) == 1:
        raise Broken


@outcome("autoretry_forever", autoretry_for=(Broken,), retry_kwargs=ONCE)
def autoretry_forever(self, case):
    begin(case)
    raise Broken


@outcome("replace_task")
def replace_task(self, case):
    begin(case)
    raise self.replace(step.si(case, "replacement"))


@outcome("replace_chain")
def replace_chain(self, case):
    begin(case)
    raise self.replace(chain(step.si(case, "step 1"), step.si(case, "step 2")))


@outcome("replace_group")
def replace_group(self, case):
    begin(case)
    raise self.replace(group(step.si(case, "member 1"), step.si(case, "member 2")))


@outcome("replace_chord")
def replace_chord(self, case):
    begin(case)
    header = [step.si(case, "member 1"), step.si(case, "member 2")]
    raise self.replace(chord(header, step.si(case, "body")))


@outcome("ignore")
def ignore(self, case):
    begin(case)
    raise Ignore


@outcome("reject", acks_late=True)
def reject(self, case):
    begin(case)
    raise Reject("no good", requeue=False)


@outcome("requeue", acks_late=True)
def requeue(self, case):
    if begin(case) == 1:
        raise Reject("not now", requeue=True)


@outcome("soft_limit", soft_time_limit=0.5)
def soft_limit(self, case):
    begin(case)
    time.sleep(LONG)


@outcome("hard_limit", time_limit=0.5)
def hard_limit(self, case):
    begin(case)
    time.sleep(LONG)


@outcome("system_exit")
def system_exit(self, case):
    begin(case)
    sys.exit(3)


@outcome("killed")
def killed(self, case):
    begin(case)
    os.kill(os.getpid(), signal.SIGKILL)


@outcome("killed_once", acks_late=True, reject_on_worker_lost=True)
def killed_once(self, case):
    if begin(case) == 1:
        os.kill(os.getpid(), signal.SIGKILL)


@outcome("terminated")
def terminated(self, case):
    begin(case)
    app.control.revoke(case, terminate=True)
    time.sleep(LONG)


def _unsendable(case):
    ask(case, object())
    ask(case, "after it")


@outcome("unsendable")
def unsendable(self, case):
    begin(case)
    _unsendable(case)


@outcome("unsendable_replaced")
def unsendable_replaced(self, case):
    begin(case)
    _unsendable(case)
    raise self.replace(step.si(case, "replacement"))


@outcome("unsendable_once", autoretry_for=(Exception,), retry_kwargs=ONCE)
def unsendable_once(self, case):
    if begin(case) == 1:
        _unsendable(case)


class Handling(Task):
    """A task whose handlers publish by themselves, as they do in any of the ways."""

    def before_start(self, task_id, args, kwargs):
        effect.delay(args[0], "before_start")

    def on_success(self, retval, task_id, args, kwargs):
        effect.delay(args[0], "on_success")

    def on_retry(self, exc, task_id, args, kwargs, einfo):
        effect.delay(args[0], "on_retry")

    def on_failure(self, exc, task_id, args, kwargs, einfo):
        effect.delay(args[0], "on_failure")

    def after_return(self, status, retval, task_id, args, kwargs, einfo):
        effect.delay(args[0], "after_return")


@outcome("handled_success", base=Handling)
def handled_success(self, case):
    begin(case)


@outcome("handled_retry", base=Handling)
def handled_retry(self, case):
    if begin(case) == 1:
        raise self.retry(**ONCE)


@outcome("handled_failure", base=Handling)
def handled_failure(self, case):
    begin(case)
    raise Broken


@outcome("inner")
def inner(self, case):
    ask(case, "inner")


@outcome("inner_failure")
def inner_failure(self, case):
    ask(case, "inner")
    raise Broken


@outcome("inner_retry")
def inner_retry(self, case):
    ask(case, f"inner {self.request.retries + 1}")
    if self.request.retries == 0:
        raise self.retry(**ONCE)


@outcome("calls")
def calls(self, case):
    begin(case)
    inner(case)


@outcome("calls_and_fails")
def calls_and_fails(self, case):
    begin(case)
    inner(case)
    raise Broken


@outcome("applies")
def applies(self, case):
    begin(case)
    inner.apply((case,))


@outcome("applies_and_fails")
def applies_and_fails(self, case):
    begin(case)
    inner.apply((case,))
    raise Broken


@outcome("applies_a_failure")
def applies_a_failure(self, case):
    begin(case)
    inner_failure.apply((case,))


@outcome("applies_a_retry")
def applies_a_retry(self, case):
    begin(case)
    inner_retry.apply((case,))
