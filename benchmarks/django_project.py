"""A Django project with the queues that are rows of its database, or belong to Django."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit


def database(address: str) -> dict[str, Any]:
    """Return the entry in DATABASES for an address of PostgreSQL or SQLite."""
    url = urlsplit(address)
    if url.scheme == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.path[1:],
        "HOST": url.hostname,
        "PORT": url.port,
        "USER": url.username,
        "PASSWORD": url.password or "",
        "CONN_MAX_AGE": 60,  # otherwise django-q connects anew for each task
    }


def set_up(address: str, *apps: str, **settings: Any) -> None:
    """Configure Django, and make the tables of the apps; once more, only change the database."""
    import django
    from django.conf import settings as configured
    from django.core.management import call_command
    from django.db import connection

    if not configured.configured:
        configured.configure(
            DATABASES={"default": database(address)},
            INSTALLED_APPS=[*apps, "airlock_django"],
            SECRET_KEY="for benchmarks alone",
            USE_TZ=True,
            **settings,
        )
        django.setup()
        call_command("migrate", verbosity=0)
    connection.close()
    connection.settings_dict.update(database(address))
