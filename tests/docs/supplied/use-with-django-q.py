"""Django, configured with what the page shows of the settings, and with its tables made."""

import os
from pathlib import Path

Path("shop").mkdir(exist_ok=True)
Path("shop", "__init__.py").touch()

# The page's settings stand for a whole file: `...` is what was there before.
Path("page_settings.py").write_text(
    """
from shop import settings as shown

SECRET_KEY = "only a page"
INSTALLED_APPS = [app for app in shown.INSTALLED_APPS if app is not ...]
AIRLOCK = shown.AIRLOCK
Q_CLUSTER = shown.Q_CLUSTER
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
LOGGING_CONFIG = None
USE_TZ = True
"""
)
os.environ["DJANGO_SETTINGS_MODULE"] = "page_settings"

import django  # noqa: E402  (it needs the settings)

django.setup()

from django.core.management import call_command  # noqa: E402

call_command("migrate", verbosity=0)
