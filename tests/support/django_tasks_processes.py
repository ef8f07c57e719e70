"""Other processes of the project with django_tasks_settings, on a database of the tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

SUPPORT = Path(__file__).parent
SCOPED = "airlock_django.tasks.ScopedDatabaseBackend"


def run(alias: str, *arguments: str, backend: str = SCOPED) -> subprocess.CompletedProcess[str]:
    """Run Python with the project, to its end; a warning is an error."""
    from django.db import connections

    given = connections[alias].settings_dict
    database = {key: given[key] for key in ("ENGINE", "NAME", "HOST", "PORT", "USER")}
    path = os.pathsep.join([str(SUPPORT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        env={
            **os.environ,
            "AIRLOCK_TEST_DATABASE": json.dumps(database, default=str),
            "AIRLOCK_TEST_TASKS": backend,
            "DJANGO_SETTINGS_MODULE": "django_tasks_settings",
            "PYTHONPATH": path,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def work_off(alias: str, backend: str = SCOPED) -> str:
    """Have a worker run every task that there is; return what it said."""
    worker = ["-m", "django", "db_worker", "--batch", "--no-startup-delay", "--no-reload"]
    done = run(alias, *worker, "--interval", "0", backend=backend)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr
