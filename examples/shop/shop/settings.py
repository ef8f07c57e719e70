"""The settings: SQLite, a broker in a folder, and the two lines that airlock needs."""

import os
import tempfile
from pathlib import Path

# Everything that the shop writes is in here: the database, the broker, what happened.
DATA = Path(os.environ.get("SHOP_DATA") or Path(tempfile.gettempdir()) / "airlock-shop")
BROKER = DATA / "broker"
for folder in ("waiting", "taken", "control"):
    (BROKER / folder).mkdir(parents=True, exist_ok=True)

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
AIRLOCK = {"REQUIRE": ["celery", "django"]}

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA / "shop.sqlite3",
        # The server and the worker share the file: whoever comes second waits.
        "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CELERY_BROKER_URL = "filesystem://"
CELERY_BROKER_TRANSPORT = "shop.broker:Transport"
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "data_folder_in": BROKER / "waiting",
    "data_folder_out": BROKER / "waiting",
    "control_folder": BROKER / "control",
    # What the worker has taken is kept: evidence of what was sent.
    "store_processed": True,
    "processed_folder": BROKER / "taken",
    "polling_interval": 0.05,
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False  # nobody asks, and each would be more files
