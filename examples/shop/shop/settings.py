"""The settings: SQLite, a queue of your choice, and the two lines that airlock needs."""

import logging
import os
import sys
import tempfile
from pathlib import Path

import structlog
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
    # Both stand outside of airlock's, which is the scope: the id is bound from before its begin
    # until after its end, and the audit reports what has become of its effects.
    "orders.middleware.correlation",
    "orders.middleware.audit",
    "airlock_django.AirlockMiddleware",
]

# It does not start where one of them is missing.
AIRLOCK = {"REQUIRE": [QUEUE, "django", "structlog"]}

# The log of the server, of the worker and of a command: lines of JSON, with the correlation id.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.JSONRenderer(),
    ],
    wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    # The original one: Celery puts what is written to `sys.stderr` into lines of its own.
    logger_factory=structlog.WriteLoggerFactory(sys.__stderr__),
)

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA / "shop.sqlite3",
        # The server and the worker share the file: whoever comes second waits.
        "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
