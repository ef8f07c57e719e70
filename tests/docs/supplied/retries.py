"""A broker in memory for the page's app, and no worker."""

import os

os.environ["CELERY_BROKER_URL"] = "memory://"
