"""Tasks with `sync`, which run in the process that asks for them."""

from __future__ import annotations


def test_sync(make_project):
    """The claims of tests/django_q/inside/sync.py hold."""
    make_project("sqlite").passes("sync.py")
