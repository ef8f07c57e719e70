"""Projects with django-q, in processes of their own: one process of tests can have one Django.

project = Project(tmp_path, on_orm(database))
project.passes("contract.py")              # tests of tests/django_q/inside, in its process
with project.cluster() as cluster: ...     # manage.py qcluster
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import servers

SUPPORT = Path(__file__).parent
ROOT = SUPPORT.parents[1]
INSIDE = ROOT / "tests" / "django_q" / "inside"


class Cluster(servers.Server):
    """`manage.py qcluster`, with two workers."""

    ready_when_it_logs = "running."
    stop_signal = signal.SIGTERM

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.variables = variables

    def command(self) -> list[str]:
        variables = [f"{name}={value}" for name, value in self.variables.items()]
        return ["env", *variables, sys.executable, "-m", "django", "qcluster"]


class Project:
    """A project: its database, its broker, and the apps beside django-q and airlock.

    Args:
        folder: where its databases on SQLite are.
        q_cluster: what its `Q_CLUSTER` says of the broker, and otherwise than in the other tests.
        databases: its databases; by default one on SQLite.
        apps: further apps.
        journal: the address of the Redis that its tasks write to.
    """

    def __init__(
        self,
        folder: Path,
        q_cluster: Mapping[str, Any],
        databases: Mapping[str, Any] | None = None,
        apps: tuple[str, ...] = ("airlock_django_q",),
        journal: str = "",
    ) -> None:
        databases = databases or {"default": on_sqlite(folder)}
        path = [str(SUPPORT), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.journal = journal
        self.variables = {
            "DJANGO_SETTINGS_MODULE": "django_q_settings",
            "PYTHONPATH": os.pathsep.join(path),
            "AIRLOCK_TEST_DATABASES": json.dumps(databases),
            "AIRLOCK_TEST_Q_CLUSTER": json.dumps(q_cluster),
            "AIRLOCK_TEST_APPS": json.dumps(apps),
            "AIRLOCK_TEST_JOURNAL": journal,
        }

    def passes(self, file: str, log: Cluster | None = None) -> None:
        """Run a file of tests/django_q/inside in its process: all tests in it pass.

        Args:
            file: its name.
            log: the cluster that a failure may be explained by.
        """
        options = [
            "-q",
            "-n",
            "0",
            "-p",
            "no:cacheprovider",
            "--show-capture",
            "no",
            str(INSIDE / file),
        ]
        run = self._run("-m", "pytest", *options)
        said = log.log[-8000:] if log else ""
        assert run.returncode == 0, run.stdout + run.stderr + said

    def runs(self, program: str) -> subprocess.CompletedProcess[str]:
        """Run a program in a process of its own, with its Django."""
        return self._run("-W", "error", "-c", f"import django\ndjango.setup()\n{program}")

    def prints(self, program: str) -> list[str]:
        """Run a program that succeeds, and return the lines that it printed."""
        run = self.runs(program)
        assert run.returncode == 0, run.stderr
        return run.stdout.splitlines()

    def migrate(self) -> None:
        """Make the tables."""
        run = self._run("-m", "django", "migrate", "--run-syncdb", "--verbosity", "0")
        assert run.returncode == 0, run.stderr

    def cluster(self) -> Cluster:
        """Return its cluster, to be started."""
        return Cluster(self.variables)

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**os.environ, **self.variables},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )


def on_sqlite(folder: Path, name: str = "shop") -> dict[str, Any]:
    """A database in a file: threads and workers open connections of their own."""
    path = str(folder / f"{name}.sqlite3")
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "TEST": {"NAME": str(folder / f"test_{name}.sqlite3")},
        "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},
    }
