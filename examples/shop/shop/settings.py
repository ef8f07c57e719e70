"""The settings: SQLite, a queue of your choice, and the two lines that airlock needs."""

import os
import tempfile
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

# Everything that the shop writes is in here: the database, the broker, what happened.
DATA = Path(os.environ.get("SHOP_DATA") or Path(tempfile.gettempdir()) / "airlock-shop")
DATA.mkdir(parents=True, exist_ok=True)

# Each has a module in `shop/queues`.
QUEUES = ("celery", "rq", "dramatiq", "huey")
QUEUE = os.environ.get("SHOP_QUEUE", "celery")
if QUEUE not in QUEUES:
    raise ImproperlyConfigured(f"SHOP_QUEUE is {QUEUE!r}. Choose one of: {', '.join(QUEUES)}.")

# For RQ and Dramatiq. The others need no server.
REDIS_URL = os.environ.get("SHOP_REDIS_URL", "redis://localhost:6379/0")

SECRET_KEY = "for the example alone"
DEBUG = True
USE_TZ = True
ROOT_URLCONF = "shop.urls"

INSTALLED_APPS = [
    "airlock_django",
    "orders",
]

MIDDLEWARE = [
    "orders.middleware.audit",  # outside: it reports what has become of a request's effects
    "airlock_django.AirlockMiddleware",
]

# It does not start where one of the two is missing.
AIRLOCK = {"REQUIRE": [QUEUE, "django"]}

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA / "shop.sqlite3",
        # The server and the worker share the file: whoever comes second waits.
        "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
