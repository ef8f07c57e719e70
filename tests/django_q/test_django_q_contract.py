"""The suite that every executor must pass, on each of django-q's brokers that the tests have."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("broker", ["sqlite", "postgres", "redis"])
def test_the_contract_is_kept(make_project, broker):
    """`DjangoQExecutor` passes the suite: tests/django_q/inside/contract.py."""
    make_project(broker).passes("contract.py")
