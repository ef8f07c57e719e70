"""The project: its settings, its URLs and its queue."""

import os

# Whoever imports the project has its settings: `manage.py`, and the worker of each queue.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
