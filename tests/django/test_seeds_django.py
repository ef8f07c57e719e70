"""The Django examples that the system comes from run as they are written there."""

from __future__ import annotations

from typing import Any

import pytest

from seed_documents import blocks

# What they leave out: the other apps where they write "...", the tasks, and the row.
AROUND = {
    "shop/__init__.py": "",
    "shop/urls.py": "from shop.views import checkout_view\n"
    "from django.urls import path\nurlpatterns = [path('', checkout_view)]\n",
    "shop/tasks.py": """
from celery import Celery

app = Celery("shop", broker="memory://", set_as_current=False)


@app.task(name="send_confirmation")
def send_confirmation(order_id): ...


@app.task(name="notify_warehouse")
def notify_warehouse(order_id): ...


@app.task(name="send_notification")
def send_notification(order_id): ...
""",
    "shop/views.py": """
from django.db import transaction
from django.http import HttpResponse
from shop.tasks import notify_warehouse, send_confirmation
from twinapp.models import Row


def process_checkout(request):
    return Row.objects.create(token="order")
""",
    "shop/work.py": """
import airlock
from shop.tasks import app, send_notification
from twinapp.models import Row as Order
""",
    "shop/tests.py": """
from celery.signals import before_task_publish
from django.db import connection, transaction
from django.test import TestCase, TransactionTestCase

import airlock
from twinapp.models import Row

published = []


@before_task_publish.connect(weak=False)
def publish(sender, body, **kwargs):
    assert not [b for b in connection.atomic_blocks if not b._from_testcase]
    published.append((sender, body[1]))


class Examples:
    def setUp(self):
        published.clear()

    def test_view(self):
        with self.settings(ROOT_URLCONF="shop.urls"):
            self.assertEqual(self.client.get("/").content, b"OK")
        order = Row.objects.get()
        self.assertEqual(
            published,
            [("send_confirmation", {"order_id": order.id}),
             ("notify_warehouse", {"order_id": order.id})],
        )

    def test_task(self):
        from airlock.integrations.django import DjangoScope
        from shop.work import process_order

        order = Row.objects.create(token="order")
        with transaction.atomic():
            process_order.apply(kwargs={"order_id": order.id}).get()
            self.assertEqual(published, [])
        self.assertEqual(published, [("send_notification", {"order_id": order.id})])
        self.assertTrue(process_order.apply(kwargs={"order_id": -1}).failed())
        self.assertEqual(len(published), 1)
        self.assertIs(airlock.get_configuration().scope_cls, DjangoScope)


class Committed(Examples, TransactionTestCase):
    pass


class Wrapped(Examples, TestCase):
    pass
""",
}


@pytest.mark.parametrize("document", ["airlock-celery-1.md", "airlock-celery-2.md"])
def test_the_django_examples_run(document: str, run_django: Any) -> None:
    """Settings, view and task, by a real project with Celery, with and without `TestCase`."""
    shown, view, task = (block.code for block in blocks(document, "Using with Django"))
    # "..." and a string on the next line are one element for Python: the comma was left out.
    settings = shown.replace("    ...\n", "    ...,\n") + (
        "INSTALLED_APPS = ['twinapp', 'shop', *INSTALLED_APPS]\n"
        "INSTALLED_APPS = [app for app in INSTALLED_APPS if app is not ...]\n"
        "MIDDLEWARE = [path for path in MIDDLEWARE if path is not ...]\n"
    )
    files = {
        **AROUND,
        "shop/views.py": AROUND["shop/views.py"] + view,
        "shop/work.py": AROUND["shop/work.py"] + task,
    }
    done = run_django("test", "shop", settings=settings, files=files)
    assert done.returncode == 0, done.stderr
    assert "Ran 4 tests" in done.stderr
