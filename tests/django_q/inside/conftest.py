"""What the tests inside a project share. They are run by those of tests/django_q, one level up.

Those come by here, too, when they are collected: nothing of Django's is imported but in fixtures.
"""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _configured_as_the_app_does():
    """Each test starts with what the app config made of the settings."""
    from airlock_django import settings

    settings.apply()


@pytest.fixture
def shared_database(django_db_blocker):
    """Not a database of the test's own, but that of the project, which its cluster has, too."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def journal():
    """What the tasks of the test have written down."""
    import redis
    from django.conf import settings

    from django_q_journal import Journal

    with redis.Redis.from_url(settings.AIRLOCK_TEST_JOURNAL) as client:
        yield Journal(client)
