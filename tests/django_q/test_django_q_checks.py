"""What the `enqueue` line refuses, in a process with django-q and in one without."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
import airlock
{before}
with airlock.scope(executor="django_q"):
    try:
        airlock.enqueue(print, "never")
    except airlock.IntentError as error:
        print(error)
"""


def says(before: str) -> str:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(before=before)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def test_refusals(make_project):
    """The claims of tests/django_q/inside/checks.py hold."""
    make_project("sqlite").passes("checks.py")


def test_without_django():
    """A named executor without django-q says what to install."""
    missing = "airlock-django-q needs django-q2, which is not installed: pip install django-q2"

    assert says('sys.modules["django"] = None') == missing


def test_without_settings():
    """Where Django is not set up, it says how."""
    assert says("").startswith("django-q is not set up in this process. Add 'django_q'")


def test_without_the_app():
    """So it does where django-q is not among the apps."""
    before = "from django.conf import settings; settings.configure(); import django; django.setup()"

    assert says(before).startswith("django-q is not set up in this process. Add 'django_q'")


def test_the_app_needs_django_q():
    """`airlock_django_q` in `INSTALLED_APPS` without django-q is an error that says so."""
    program = """
import django
from django.conf import settings
settings.configure(INSTALLED_APPS=["airlock_django_q"])
try:
    django.setup()
except Exception as error:
    print(type(error).__name__, error)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert run.stdout.startswith("ConfigurationError 'airlock_django_q' in INSTALLED_APPS needs")
