import os

from celery import Celery

from airlock.integrations.celery import install_global_intercept

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

app = Celery("project")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

if os.environ["AIRLOCK_TEST_INTERCEPT"] == "on":
    install_global_intercept(app)
