import json
import os
from importlib.util import find_spec

SECRET_KEY = "for tests alone"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "project.urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

_DATABASE = json.loads(os.environ["AIRLOCK_TEST_DATABASE"])
DATABASES = {"default": {**_DATABASE, "ATOMIC_REQUESTS": True}}

# It takes no Django later than 6.0 yet, and is not installed beside one.
_BEAT = ["django_celery_beat"] if find_spec("django_celery_beat") else []

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django_celery_results",
    *_BEAT,
    "airlock_django",
    "orders",
]
MIDDLEWARE = ["airlock_django.AirlockMiddleware"]

CELERY_BROKER_URL = os.environ["AIRLOCK_TEST_BROKER"]
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_RESULT_BACKEND = "django-db"
CELERY_RESULT_EXTENDED = True
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_TIMEZONE = "UTC"
CELERY_TASK_TRACK_STARTED = True
CELERY_TASK_TIME_LIMIT = 60
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_SYNC_EVERY = 1  # by default the runs are written down each three minutes
