"""A task of Django's, in a module of its own, which can be imported once Django is set up."""

from __future__ import annotations

try:
    from django.tasks import task as decorated
except ImportError:  # before Django 6
    from django_tasks import task as decorated


@decorated
def task(number: int, name: str) -> None:
    """Do nothing."""
