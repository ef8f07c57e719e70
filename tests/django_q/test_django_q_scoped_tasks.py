"""Tasks that run in a scope, in real clusters: `manage.py qcluster`."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("broker", ["sqlite", "postgres", "redis"])
def test_tasks_run_in_scopes(make_project, broker):
    """The claims of tests/django_q/inside/scoped_tasks.py hold with a cluster on each broker."""
    project = make_project(broker)
    project.migrate()
    with project.cluster() as cluster:
        project.passes("scoped_tasks.py", log=cluster)


def test_the_decorator_does_without_the_app(make_project):
    """The claims of tests/django_q/inside/decorated_tasks.py hold."""
    project = make_project("redis", apps=())
    project.migrate()
    with project.cluster() as cluster:
        project.passes("decorated_tasks.py", log=cluster)
