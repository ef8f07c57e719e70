"""Django for the tests: two databases on SQLite, two on a private PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import django
import pytest
from django.conf import settings

import airlock
import servers

_FOLDER = tempfile.TemporaryDirectory(prefix="airlock-sqlite-")


def _sqlite(name: str) -> dict[str, Any]:
    # A file, not memory: threads open connections of their own.
    path = str(Path(_FOLDER.name) / f"{name}.sqlite3")
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": path, "TEST": {"NAME": path}}


if not settings.configured:
    settings.configure(
        SECRET_KEY="for tests alone",
        ALLOWED_HOSTS=["*"],
        DATABASES={
            "default": _sqlite("default"),
            "other": _sqlite("other"),
            "memory": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
            # Filled in when the first test asks for a database.
            "pg": {"ENGINE": "django.db.backends.postgresql", "NAME": "pg"},
            "pg_other": {"ENGINE": "django.db.backends.postgresql", "NAME": "pg_other"},
        },
        INSTALLED_APPS=[
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "airlock_django",
            "twinapp",
        ],
        MIDDLEWARE=["airlock_django.AirlockMiddleware"],
        ROOT_URLCONF="twinapp.urls",
        STATIC_URL="/static/",
        USE_TZ=True,
    )
    django.setup()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(postgres: servers.Postgres) -> None:
    """Point the PostgreSQL aliases at the private server, before test databases are made."""
    from django.db import connections

    for alias in ("pg", "pg_other"):
        made = postgres.create_database(alias)
        for place in (settings.DATABASES[alias], connections[alias].settings_dict):
            place.update(made.django)


@pytest.fixture(autouse=True)
def _configured_as_the_app_does() -> Iterator[None]:
    """Each test starts with what the app config made of the settings."""
    from airlock_django import settings as airlock_settings

    airlock.reset_configuration()
    airlock_settings.apply()
    yield
    airlock.reset_configuration()
    airlock_settings.apply()


_PROJECT = """
SECRET_KEY = "for tests alone"
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
    "other": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
}
INSTALLED_APPS = ["airlock_django", "twinapp"]
MIDDLEWARE = ["airlock_django.AirlockMiddleware"]
USE_TZ = True
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run_django(tmp_path: Path) -> Run:
    """A function that runs `manage.py` of a project of its own, in a process of its own."""

    def run(
        *arguments: str, settings: str = "", files: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        for name, text in {
            "project_settings.py": _PROJECT + dedent(settings),
            **(files or {}),
        }.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(dedent(text))
        support = Path(__file__).parent.parent / "support"
        path = os.pathsep.join([str(tmp_path), str(support), os.environ.get("PYTHONPATH", "")])
        return subprocess.run(
            [sys.executable, "-W", "error", "-m", "django", *arguments],
            cwd=tmp_path,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "project_settings", "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run
