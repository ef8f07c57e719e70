"""A private PostgreSQL with procrastinate's tables, a Django that uses it, and no worker."""

import atexit
import os
import sys
from pathlib import Path

sys.path.append(str(Path(page).parents[2] / "tests" / "support"))  # noqa: F821  (run_page has it)

import servers

server = servers.Postgres().start()
atexit.register(server.stop)
database = server.create_database("shop")
os.environ["DATABASE_URL"] = database.url

import django  # noqa: E402
from django.conf import settings  # noqa: E402

settings.configure(
    SECRET_KEY="only a page",
    DATABASES={"default": database.django},
    INSTALLED_APPS=["airlock_django", "procrastinate.contrib.django"],
    LOGGING_CONFIG=None,
    USE_TZ=True,
)
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

call_command("migrate", verbosity=0)
connection.close()
atexit.register(connection.close)  # before the server ends
