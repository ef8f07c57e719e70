"""Shops for several files of tests, since a database with all of Django's tables takes seconds.

pytest_plugins = ["django_shop_fixtures"]

def test_a_task(intercepted_shop, customer):
    ...
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator

import pytest

import servers
from django_shops import Shop


@pytest.fixture(scope="session")
def intercepted_shop(postgres) -> Iterator[Shop]:
    """The shop with the global intercept."""
    with _shop(postgres, intercept=True) as shop:
        yield shop


@pytest.fixture(scope="session")
def scoped_shop(postgres) -> Iterator[Shop]:
    """The shop without it: only what opens a scope itself has one."""
    with _shop(postgres, intercept=False) as shop:
        yield shop


@contextlib.contextmanager
def _shop(postgres: servers.Postgres, *, intercept: bool) -> Iterator[Shop]:
    # A Redis of its own: the databases of the others' go round, and are emptied for each test.
    with (
        servers.Redis() as redis,
        Shop(postgres.create_database("shop"), redis.url, intercept=intercept) as shop,
    ):
        yield shop


@pytest.fixture
def customer() -> str:
    """Whose orders those of one test are."""
    return uuid.uuid4().hex
