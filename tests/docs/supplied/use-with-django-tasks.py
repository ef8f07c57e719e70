"""A Django with what the page shows of the settings, and the tables of its tasks."""

import os
from pathlib import Path

Path("shop").mkdir(exist_ok=True)
Path("shop/__init__.py").touch()
Path("page_settings.py").write_text(
    """
from shop import settings as shown

SECRET_KEY = "only a page"
INSTALLED_APPS = [app for app in shown.INSTALLED_APPS if app is not ...]
TASKS = shown.TASKS
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "page.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
"""
)
os.environ["DJANGO_SETTINGS_MODULE"] = "page_settings"

import django  # noqa: E402  (it needs the settings)

django.setup()

from django.core.management import call_command  # noqa: E402

call_command("migrate", run_syncdb=True, verbosity=0)
