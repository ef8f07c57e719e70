"""What leaves, and how, on each of django-q's brokers that the tests have."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("broker", ["sqlite", "postgres", "redis"])
def test_packages_leave_as_they_should(make_project, broker):
    """The claims of tests/django_q/inside/publishing.py hold."""
    make_project(broker).passes("publishing.py")
