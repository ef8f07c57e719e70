"""Django with airlock_django and a database, and a broker in memory without a worker."""

import os
from pathlib import Path

os.environ["CELERY_BROKER_URL"] = "memory://"
Path("page_settings.py").write_text(
    """
SECRET_KEY = "only a page"
INSTALLED_APPS = ["airlock_django"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
LOGGING_CONFIG = None
"""
)
os.environ["DJANGO_SETTINGS_MODULE"] = "page_settings"

import django  # noqa: E402  (it needs the settings)

django.setup()
