"""Settings with which messages can be lost are named: each mistake by one finding."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from textwrap import dedent

import pytest
from celery import Celery

from airlock_celery import losses, production_app

ROOT = Path(__file__).parents[2]
REDIS, RABBITMQ = "redis://nowhere", "amqp://nowhere"

SHOP = """
from celery import Celery

app = Celery("shop", broker="redis://nowhere")


@app.task
def pay():
    pass
"""


def nothing():
    """The body of a task."""


def app_of(broker, task=None, **settings):
    """An app that is ready for production but for these settings, with one task."""
    app = production_app("shop", logs=None, broker_url=broker, **settings)
    app.task(shared=False, name="shop.pay", **(task or {}))(nothing)
    return app


def ids(app):
    return [found.id.removeprefix("airlock.celery.") for found in losses.findings(app)]


@pytest.mark.parametrize("broker", [REDIS, RABBITMQ, "sentinel://nowhere", "pyamqp://nowhere"])
def test_nothing_is_found_in_what_is_ready_for_production(broker):
    """The defaults of `production_app()` lose nothing, whatever the broker's address is like."""
    assert ids(app_of(broker)) == []


MISTAKES = [
    ("E001", RABBITMQ, {"task_always_eager": True}, {}),
    ("E002", "memory://", {}, {}),
    ("E003", RABBITMQ, {"task_serializer": "pickle"}, {}),
    ("E003", RABBITMQ, {}, {"serializer": "yaml"}),
    ("W001", RABBITMQ, {"broker_transport_options": {"confirm_publish": False}}, {}),
    ("W002", RABBITMQ, {"task_default_delivery_mode": "transient"}, {}),
    ("W003", REDIS, {"broker_transport_options": {"socket_timeout": None}}, {}),
    ("W004", REDIS, {"task_acks_late": False}, {}),
    ("W005", RABBITMQ, {"task_reject_on_worker_lost": False}, {}),
    ("W005", RABBITMQ, {}, {"reject_on_worker_lost": False}),
    ("W006", REDIS, {"broker_transport_options": {"visibility_timeout": 60}}, {}),
    ("W006", REDIS, {"task_time_limit": None}, {}),
    ("W006", REDIS, {}, {"time_limit": 3600}),
    ("W006", REDIS, {}, {"acks_late": False, "default_retry_delay": 7200}),
    ("W007", RABBITMQ, {"result_backend": "rpc", "result_expires": 60}, {}),
    ("W007", RABBITMQ, {"result_backend": "rpc", "result_expires": timedelta(minutes=1)}, {}),
]


@pytest.mark.parametrize(("wrong", "broker", "settings", "task"), MISTAKES)
def test_a_mistake_is_named(wrong, broker, settings, task):
    """Each by its own finding and no other, with what is so and what to do."""
    (found,) = losses.findings(app_of(broker, task, **settings))
    assert found.id == f"airlock.celery.{wrong}"
    assert found.text.startswith("The Celery app 'shop': ")
    assert found.text.endswith(".")
    assert found.remedy
    assert found.level == {"E": "error", "W": "warning"}[wrong[0]]


@pytest.mark.parametrize(
    ("broker", "settings", "task"),
    [
        (RABBITMQ, {}, {"acks_late": False}),  # somebody has decided
        (RABBITMQ, {"task_time_limit": None}, {}),  # no other worker is given it
        (RABBITMQ, {"result_expires": 60}, {}),  # there are no results
        (RABBITMQ, {"result_backend": "rpc", "result_expires": None}, {}),
        (RABBITMQ, {"task_acks_late": False}, {"acks_late": True}),
        (RABBITMQ, {"accept_content": ["application/x-python-serialize", "json"]}, {}),
    ],
)
def test_what_is_no_mistake(broker, settings, task):
    """Nothing is said where nothing can be lost, or where it was chosen for one task."""
    assert ids(app_of(broker, task, **settings)) == []


def test_what_celery_starts_with():
    """An app with Celery's own defaults has findings on either broker."""

    def plain(broker):
        app = Celery("plain", broker=broker, set_as_current=False)
        app.task(shared=False, name="plain.pay")(nothing)
        return ids(app)

    assert plain(REDIS) == ["W003", "W004", "I001"]
    assert plain(RABBITMQ) == ["W001", "W004", "I001"]


def test_tasks_are_named_and_not_all_of_them():
    """Three names are enough to find the others."""
    app = Celery("plain", broker=RABBITMQ, set_as_current=False)
    for number in range(5):
        app.task(shared=False, name=f"plain.task{number}")(nothing)
    (found,) = [found for found in losses.findings(app) if found.id.endswith("W004")]
    assert "plain.task0, plain.task1, plain.task2 and 2 more." in found.text


def test_tasks_that_cannot_be_imported():
    """It is a finding, as a worker would not start."""
    app = app_of(RABBITMQ, include=["no.such.module"])
    (found,) = losses.findings(app)
    assert (found.id, found.level) == ("airlock.celery.E004", "error")
    assert "No module named 'no'" in found.text


def doctor(folder, *words, **environment):
    """`airlock doctor` where a project is."""
    clean = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "airlock", "doctor", *words],
        cwd=folder,
        env={**clean, "AIRLOCK_PLUGINS": "celery,django", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_doctor_examines_a_plain_app(tmp_path):
    """`airlock doctor --app` says what is wrong and ends with 1; what is ignored is left out."""
    (tmp_path / "shop.py").write_text(SHOP)
    run = doctor(tmp_path, "--app", "shop:app")
    assert run.returncode == 1, run.stderr
    assert (
        "WARNING  airlock.celery.W004  The Celery app 'shop': task_acks_late is off" in run.stdout
    )
    assert run.stdout.endswith("2 problems\n")
    run = doctor(
        tmp_path,
        *("--app", "shop:app", "--json"),
        *("--ignore", "airlock.celery.W003", "--ignore", "airlock.celery.W004"),
    )
    assert run.returncode == 0, run.stderr
    (found,) = json.loads(run.stdout)["findings"]
    assert (found["id"], found["level"]) == ("airlock.celery.I001", "info")


def test_the_doctor_without_an_app(tmp_path):
    """Where no app is named, none is made up."""
    run = doctor(tmp_path)
    assert (run.returncode, run.stdout) == (0, "no problem\n"), run.stderr


DJANGO = {
    "site_settings.py": """
        SECRET_KEY = "for tests alone"
        INSTALLED_APPS = ["airlock_django", "site_orders"]
        MIDDLEWARE = ["airlock_django.AirlockMiddleware"]
        CELERY_BROKER_URL = "amqp://nowhere"
    """,
    "site_orders/__init__.py": """
        from celery import Celery

        app = Celery("site")
        app.config_from_object("django.conf:settings", namespace="CELERY")
        app.autodiscover_tasks()
    """,
    "site_orders/tasks.py": """
        from celery import shared_task


        @shared_task
        def pay():
            pass
    """,
}


@pytest.fixture
def site(tmp_path):
    """A Django project with a Celery app that Celery's own defaults are left to."""
    for name, text in DJANGO.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(dedent(text))
    return tmp_path


def test_the_doctor_finds_the_app_of_django(site):
    """DJANGO_SETTINGS_MODULE is enough: the project's app is examined with its tasks."""
    run = doctor(site, DJANGO_SETTINGS_MODULE="site_settings")
    assert run.returncode == 1, run.stderr
    found = re.findall(r"^[A-Z]+ +airlock\.celery\.(\w+) .* app 'site'.*", run.stdout, re.MULTILINE)
    assert found == ["W001", "W004", "I001"]
    assert "site_orders.tasks.pay" in run.stdout


@pytest.mark.parametrize(("debug", "says"), [("False", True), ("True", False)])
def test_manage_py_check_says_the_same(site, debug, says):
    """In production; a developer's machine may lose messages."""
    with (site / "site_settings.py").open("a") as settings:
        settings.write(f"DEBUG = {debug}\n")
    run = subprocess.run(
        [sys.executable, "-W", "error", "-m", "django", "check"],
        cwd=site,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "site_settings",
            "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert ("?: (airlock.celery.W001) The Celery app 'site': publisher" in run.stderr) is says


def test_the_page_has_every_finding():
    """Its table has a row for each finding that the code makes, and for no other."""
    page = (ROOT / "docs" / "how-to" / "run-celery-in-production.md").read_text()
    made = re.findall(r'"([EWI]\d{3})"', Path(losses.__file__).read_text())
    assert sorted(re.findall(r"^\| `airlock\.celery\.(\w+)`", page, re.MULTILINE)) == sorted(made)
