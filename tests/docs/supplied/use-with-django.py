"""Django, configured with what the page shows of the settings, and with its tables made."""

import os
from pathlib import Path

for package in ("shop", "shop/management", "shop/management/commands"):
    Path(package).mkdir(parents=True, exist_ok=True)
    Path(package, "__init__.py").touch()

# The page's settings stand for a whole file: `...` is what was there before.
Path("page_settings.py").write_text(
    """
from shop import settings as shown

SECRET_KEY = "only a page"
INSTALLED_APPS = [app for app in shown.INSTALLED_APPS if app is not ...]
MIDDLEWARE = [middleware for middleware in shown.MIDDLEWARE if middleware is not ...]
ROOT_URLCONF = "shop.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
ALLOWED_HOSTS = ["testserver"]
LOGGING_CONFIG = None
"""
)
os.environ["DJANGO_SETTINGS_MODULE"] = "page_settings"

import django  # noqa: E402  (it needs the settings)

django.setup()

from django.core.management import call_command  # noqa: E402

call_command("migrate", run_syncdb=True, verbosity=0)
