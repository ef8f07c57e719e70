"""What the tests with django-q share: a project for each of its brokers."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from django_q_projects import Project

_numbers = itertools.count()


@pytest.fixture(scope="session")
def new_redis(redis_server) -> Callable[[], str]:
    """A function that returns the address of a database of the private Redis, each time another."""
    return lambda: f"redis://{redis_server.host}:{redis_server.port}/{1699 - next(_numbers)}"


@pytest.fixture(scope="session")
def make_project(tmp_path_factory, postgres, new_redis) -> Callable[..., Project]:
    """A function that makes a project for a broker: "sqlite", "postgres" or "redis"."""

    def make(broker: str, q_cluster: Any = (), **arguments: Any) -> Project:
        where = {"redis": new_redis()} if broker == "redis" else {"orm": "default"}
        if broker == "postgres":
            database = postgres.create_database("django_q").django
            arguments.setdefault("databases", {"default": database})
        folder = tmp_path_factory.mktemp("django_q")
        return Project(folder, {**where, **dict(q_cluster)}, journal=new_redis(), **arguments)

    return make
