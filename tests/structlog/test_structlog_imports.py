"""What the plugin costs where it is installed and structlog is not used."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
import airlock
with airlock.scope():
    intent = airlock.enqueue(print, "an effect")
print("airlock_structlog" in sys.modules, "structlog" in sys.modules, intent.meta)
"""


def test_an_application_without_structlog_does_not_load_it():
    """The plugin is loaded with the others, and structlog when it is first used."""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert run.stdout.splitlines() == ["an effect", "True False {}"], run.stderr
