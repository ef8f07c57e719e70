from celery import shared_task
from django.db import transaction

import airlock
from orders import acts, queue
from orders.models import Confirmation, Order


@shared_task
def meet(meeting, children):
    queue.meet(meeting, children)


@shared_task(bind=True)
def confirm(self, customer, name):
    """Confirm an order: the effect of everything here."""
    saw = Order.objects.filter(customer=customer, name=name).exists()
    Confirmation.objects.create(
        customer=customer, name=name, saw_order=saw, task_id=self.request.id
    )
    return f"confirmed {name}"


def sender(how):
    """Return the function that sends the effect in one of the ways there are."""
    return {
        "delay": confirm.delay,
        "delay_on_commit": confirm.delay_on_commit,
        "apply_async_on_commit": lambda *args: confirm.apply_async_on_commit(args=args),
        "enqueue": lambda *args: airlock.enqueue(confirm, *args),
    }[how]


@shared_task(bind=True)
def work(self, customer, act, how):
    """Do as the test wants it, in the scope that the intercept opens."""
    return getattr(acts, act)(self, customer, sender(how))


@shared_task(bind=True)
@airlock.scoped()
def scoped_work(self, customer, act, how):
    """Do as the test wants it, in a scope of its own."""
    return getattr(acts, act)(self, customer, sender(how))


@shared_task(bind=True)
def periodic(self, customer, fails):
    """Place an order whenever beat says so."""
    with transaction.atomic():
        acts.order(customer, self.request.id, confirm.delay)
    if fails:
        raise acts.Broken
