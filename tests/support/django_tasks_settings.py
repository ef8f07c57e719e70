"""The settings of a project whose tasks are rows: `DJANGO_SETTINGS_MODULE=django_tasks_settings`."""

from __future__ import annotations

import json
import os

SECRET_KEY = "for tests alone"
DATABASES = {"default": json.loads(os.environ["AIRLOCK_TEST_DATABASE"])}
INSTALLED_APPS = ["airlock_django", "twinapp", "django_tasks_db"]
USE_TZ = True
TASKS = {"default": {"BACKEND": os.environ["AIRLOCK_TEST_TASKS"]}}
