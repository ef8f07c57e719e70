"""What the tasks do, each way once for every way to send."""

from celery import chord
from django.db import transaction

import airlock
from orders.models import Confirmation, Order
from orders.queue import work_off


class Broken(Exception):
    """What makes a task fail."""


def order(customer, name, send):
    """Write an order that knows the id of its effect."""
    placed = Order.objects.create(customer=customer, name=name)
    placed.task_id = send(customer, name).id
    placed.save()


def commits(task, customer, send):
    with transaction.atomic():
        order(customer, "A", send)
        work_off(children=1)  # one child runs this
    work_off(children=1)
    return Confirmation.objects.filter(customer=customer).count()


def rolls_back(task, customer, send):
    with transaction.atomic():
        order(customer, "A", send)
        transaction.set_rollback(True)


def rolls_back_a_savepoint(task, customer, send):
    with transaction.atomic():
        order(customer, "A", send)
        try:
            with transaction.atomic():
                order(customer, "B", send)
                raise Broken
        except Broken:
            order(customer, "C", send)


def fails_after_the_commit(task, customer, send):
    with transaction.atomic():
        order(customer, "A", send)
    raise Broken


def commits_one_of_two(task, customer, send):
    rolls_back(task, customer, send)
    with transaction.atomic():
        order(customer, "B", send)


def retries_in_a_transaction(task, customer, send):
    with transaction.atomic():
        order(customer, f"run {task.request.retries}", send)
        if task.request.retries == 0:
            # Not at once: the first run would write its state after the second.
            raise task.retry(countdown=0.2)


def has_no_transaction(task, customer, send):
    order(customer, "A", send)
    work_off(children=1)
    return Confirmation.objects.filter(customer=customer).count()


def fails_without_a_transaction(task, customer, send):
    order(customer, "A", send)
    raise Broken


def commits_around_a_scope(task, customer, send):
    with transaction.atomic():
        with airlock.scope():
            order(customer, "A", send)
        work_off(children=1)


def rolls_back_around_a_scope(task, customer, send):
    with transaction.atomic():
        with airlock.scope():
            order(customer, "A", send)
        transaction.set_rollback(True)


def sends_a_chord(task, customer, send):
    confirm = task.app.tasks["orders.tasks.confirm"]
    with transaction.atomic():
        header = [confirm.si(customer, name) for name in ("A", "B")]
        airlock.enqueue(chord(header, confirm.si(customer, "body")))
        work_off(children=1)
        for name in ("A", "B", "body"):
            Order.objects.create(customer=customer, name=name)
