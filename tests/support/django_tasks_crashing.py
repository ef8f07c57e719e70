"""django_tasks_crashing.py WHEN: writes a row and its task in one transaction, and is killed."""

from __future__ import annotations

import os
import signal
import sys

import django

django.setup()

from django.db import transaction  # noqa: E402  (they need the settings)

import airlock  # noqa: E402
import django_tasks_shop as shop  # noqa: E402
from twinapp.models import Row  # noqa: E402


def die() -> None:
    """Be killed without a warning."""
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    with transaction.atomic():
        with airlock.scope():
            Row.objects.create(token="order")
            airlock.enqueue(shop.write, "confirmation")
        if sys.argv[1] == "before the commit":
            die()
    die()
