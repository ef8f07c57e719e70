"""The settings of a project with django-q, from what the tests have put into the environment."""

import json
import os

SECRET_KEY = "for tests alone"
USE_TZ = True
DATABASES = json.loads(os.environ["AIRLOCK_TEST_DATABASES"])
INSTALLED_APPS = [
    "django_q",
    "airlock_django",
    "twinapp",
    *json.loads(os.environ["AIRLOCK_TEST_APPS"]),
]
Q_CLUSTER = {
    "name": "shop",
    "workers": 2,
    "timeout": 3,
    "retry": 4,
    "max_attempts": 2,
    "poll": 0.05,
    "guard_cycle": 0.1,
    "save_limit": 0,
    **json.loads(os.environ["AIRLOCK_TEST_Q_CLUSTER"]),
}
AIRLOCK = {"EXECUTOR": "django_q", "STRICT": False}
LOGGING = {"version": 1, "disable_existing_loggers": False}

# Where the tasks write to, and the tests look.
AIRLOCK_TEST_JOURNAL = os.environ["AIRLOCK_TEST_JOURNAL"]
