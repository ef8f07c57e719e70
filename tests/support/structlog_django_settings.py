"""The settings of a project whose tasks are rows: `DJANGO_SETTINGS_MODULE=structlog_django_settings`."""

from __future__ import annotations

import os

SECRET_KEY = "for tests alone"
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["AIRLOCK_TEST_DATABASE"]}
}
INSTALLED_APPS = ["airlock_django", "django_tasks_db"]
USE_TZ = True
TASKS = {"default": {"BACKEND": os.environ["AIRLOCK_TEST_TASKS"]}}
