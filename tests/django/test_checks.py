"""`manage.py check` names what is wrong, and what would be right."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks
from django.test import override_settings

from airlock_django import AirlockMiddleware
from airlock_django.checks import check_databases, check_middleware, check_settings
from airlock_django.settings import DEFAULTS

OURS = "airlock_django.AirlockMiddleware"


class Mine(AirlockMiddleware):
    """A subclass counts as well."""


def settings_with(given: Any) -> list[CheckMessage]:
    """The messages about `AIRLOCK`."""
    with override_settings(AIRLOCK=given):
        return check_settings(None)


def middleware_with(*chain: str) -> list[CheckMessage]:
    """The messages about `MIDDLEWARE`."""
    with override_settings(MIDDLEWARE=list(chain)):
        return check_middleware(None)


@pytest.mark.parametrize(
    "good",
    [
        {},
        {"EXECUTOR": "sync", "DISCARD_FROM_STATUS": None, "STRICT": None},
        {"USING": "default"},
        {"USING": ["default", "other"], "DISCARD_FROM_STATUS": 500},
        {"RAISE_DISPATCH_ERRORS": True, "STRICT": False, "REQUIRE": ["django"]},
    ],
)
def test_good_settings_are_silent(good: dict[str, Any]) -> None:
    """Nothing is said about what can serve."""
    assert settings_with(good) == []


def test_something_that_is_no_dictionary() -> None:
    """E001 says what it is instead."""
    (message,) = settings_with(["EXECUTOR"])
    assert (message.id, message.msg) == (
        "airlock.E001",
        "AIRLOCK must be a dictionary, and is a list.",
    )


@pytest.mark.parametrize(
    ("key", "meant"),
    [("EXECUTER", "EXECUTOR"), ("executor", "EXECUTOR"), ("POLICIES", "POLICY")],
)
def test_an_unknown_key(key: str, meant: str) -> None:
    """E002 names the key, the one that was meant, and all there are."""
    (message,) = settings_with({key: None})
    assert (message.id, message.msg) == ("airlock.E002", f"AIRLOCK has no key {key!r}.")
    assert message.hint == f"Did you mean {meant!r}? The keys are: {', '.join(DEFAULTS)}."


def test_an_unknown_key_that_resembles_none() -> None:
    """E002 guesses nothing where nothing is near; a key that is no string is no crash."""
    for key in ("XYZZY", 3):
        (message,) = settings_with({key: None})
        assert message.hint == f"The keys are: {', '.join(DEFAULTS)}."


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"EXECUTOR": "missing.module.executor"}, "No module named 'missing'"),
        ({"EXECUTOR": "no-such-plugin"}, "There are: "),
        ({"EXECUTOR": 3}, "is no executor"),
        ({"POLICY": "missing.module.policy"}, "No module named 'missing'"),
        ({"POLICY": Mine}, "is a class. Give an instance"),
        ({"POLICY": "sys.path"}, "Derive it from airlock.Policy"),
        ({"SCOPE_CLASS": "builtins.dict"}, "no subclass of airlock.Scope"),
        ({"USING": "defualt"}, "There are: default, other"),
        ({"DISCARD_FROM_STATUS": "400"}, "must be an HTTP status"),
        ({"DISCARD_FROM_STATUS": True}, "must be an HTTP status"),
        ({"STRICT": "yes"}, "must be True or False"),
        ({"RAISE_DISPATCH_ERRORS": None}, "must be True or False"),
        ({"BROKER_TIMEOUT": "soon"}, "number of seconds"),
    ],
    ids=str,
)
def test_a_value_that_cannot_serve(wrong: dict[str, Any], says: str) -> None:
    """E003 names the key, and says why."""
    (message,) = settings_with(wrong)
    (key,) = wrong
    assert message.id == "airlock.E003"
    assert message.msg.startswith(f"AIRLOCK[{key!r}]: ")
    assert says in message.msg


def test_a_required_plugin_that_is_missing() -> None:
    """E004 says which, and where to look."""
    from django.conf import settings

    settings.AIRLOCK = {"REQUIRE": ["audit"]}  # an override would raise at once
    try:
        (message,) = check_settings(None)
    finally:
        del settings.AIRLOCK
    assert message.id == "airlock.E004"
    assert "'audit' is missing" in message.msg


def test_no_middleware() -> None:
    """I001 is an information: a worker needs none."""
    assert [message.id for message in middleware_with()] == ["airlock.I001"]


@pytest.mark.parametrize(
    "path",
    [OURS, f"{__name__}.Mine", "airlock.integrations.django.AirlockMiddleware"],
)
def test_every_name_of_the_middleware_is_known(path: str) -> None:
    """A subclass, and the integration's import path, count."""
    assert middleware_with("django.middleware.common.CommonMiddleware", path) == []


def test_the_middleware_twice() -> None:
    """W001, also where it has two names."""
    twice = middleware_with(OURS, "airlock.integrations.django.AirlockMiddleware")
    assert [message.id for message in twice] == ["airlock.W001"]


def test_the_middleware_too_far_out() -> None:
    """W002 names the middleware that belongs outside."""
    session = "django.contrib.sessions.middleware.SessionMiddleware"
    assert middleware_with(session, OURS) == []
    (message,) = middleware_with(OURS, session)
    assert message.id == "airlock.W002"
    assert session in message.msg


def test_a_middleware_that_is_missing_is_left_to_django() -> None:
    """A path that cannot be imported, or is a function, is no crash of ours."""
    assert middleware_with("missing.Middleware", f"{__name__}.middleware_with", OURS) == []


@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES:UserWarning")
def test_manual_transactions() -> None:
    """W003 names the database with `AUTOCOMMIT` off, unless airlock does not wait for it."""
    databases = {"default": {}, "legacy": {"AUTOCOMMIT": False}}
    for using, named in (
        (None, True),
        ("legacy", True),
        ("default", False),
        (["default"], False),
        ("legacy_replica", False),
    ):
        with override_settings(DATABASES=databases, AIRLOCK={"USING": using}):
            messages = check_databases(None)
        assert [message.id for message in messages] == ["airlock.W003"] * named
        assert all("'legacy'" in message.msg for message in messages)


def test_they_are_registered() -> None:
    """`manage.py check --tag airlock` runs them."""
    with override_settings(MIDDLEWARE=[], AIRLOCK={"X": 1}):
        assert {message.id for message in run_checks(tags=["airlock"])} == {
            "airlock.E002",
            "airlock.I001",
        }


def test_manage_py_check_says_it(run_django: Any) -> None:
    """In a process of its own, with a wrong key and a path that cannot be imported."""
    done = run_django(
        "check",
        settings="AIRLOCK = {'EXECUTER': 'sync', 'EXECUTOR': 'missing.module.executor'}",
    )
    assert done.returncode == 1
    assert "(airlock.E002) AIRLOCK has no key 'EXECUTER'." in done.stderr
    assert "Did you mean 'EXECUTOR'?" in done.stderr
    assert "(airlock.E003) AIRLOCK['EXECUTOR']" in done.stderr


def test_the_import_paths_of_the_integration(run_django: Any) -> None:
    """`airlock.integrations.django` serves as the app, with its checks, and as middleware."""
    names = """
        INSTALLED_APPS = ["airlock.integrations.django"]
        MIDDLEWARE = ["airlock.integrations.django.AirlockMiddleware"]
    """
    done = run_django("check", settings=names)
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout
    done = run_django("check", settings=names + "    AIRLOCK = {'EXECUTER': None}")
    assert "(airlock.E002)" in done.stderr


PLUGIN = """
    import airlock
    from airlock_core.findings import Finding

    class Shop(airlock.Policy):
        def findings(self):
            yield Finding("shop.W001", "warning", "The till is open.", "Close it.")
            yield Finding("shop.I001", "info", "It is late.", "Go home.")

    airlock.register(Shop())
"""


@pytest.mark.parametrize(("debug", "says"), [("False", True), ("True", False)])
def test_what_plugins_find(run_django: Any, debug: str, says: bool) -> None:
    """It is among the checks, in production; and Django can silence it."""
    names = f"DEBUG = {debug}\nimport project_plugin\nSILENCED_SYSTEM_CHECKS = ['shop.I001']"
    done = run_django("check", settings=names, files={"project_plugin.py": PLUGIN})
    assert done.returncode == 0, done.stderr
    found = "(shop.W001) The till is open." in done.stderr and "HINT: Close it." in done.stderr
    assert found is says
    assert "It is late." not in done.stderr


def doctor(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`airlock doctor` in the folder of a project, with no plugin but that for Django."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "airlock", "doctor"],
        cwd=folder,
        env={**os.environ, "AIRLOCK_PLUGINS": "django", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_doctor_runs_the_checks(run_django: Any, tmp_path: Path) -> None:
    """Settings and the order of middleware, but for what Django is told to keep silent about."""
    session = "django.contrib.sessions.middleware.SessionMiddleware"
    run_django(
        "check",
        settings=f"""
            INSTALLED_APPS = ["airlock_django"]
            MIDDLEWARE = {[OURS, session]!r}
            AIRLOCK = {{"EXECUTER": None}}
        """,
    )
    done = doctor(tmp_path, DJANGO_SETTINGS_MODULE="project_settings")
    assert done.returncode == 1, done.stderr
    assert "ERROR    airlock.E002  AIRLOCK has no key 'EXECUTER'." in done.stdout
    assert "WARNING  airlock.W002  AirlockMiddleware stands above" in done.stdout
    assert done.stdout.endswith("2 problems\n")
    with (tmp_path / "project_settings.py").open("a") as settings:
        settings.write("SILENCED_SYSTEM_CHECKS = ['airlock.W002', 'airlock.E002']\n")
    done = doctor(tmp_path, DJANGO_SETTINGS_MODULE="project_settings")
    assert (done.returncode, done.stdout) == (0, "no problem\n"), done.stderr


def test_the_doctor_where_airlock_is_no_app(run_django: Any, tmp_path: Path) -> None:
    """W004: the settings would have no effect."""
    run_django("check", settings="INSTALLED_APPS = []")
    done = doctor(tmp_path, DJANGO_SETTINGS_MODULE="project_settings")
    assert done.returncode == 1, done.stderr
    assert "airlock.W004  airlock_django is not in INSTALLED_APPS" in done.stdout


def test_the_doctor_without_django(tmp_path: Path) -> None:
    """Where no settings are named, Django is not asked."""
    done = doctor(tmp_path, DJANGO_SETTINGS_MODULE="")
    assert (done.returncode, done.stdout) == (0, "no problem\n"), done.stderr


def test_the_doctor_with_settings_that_cannot_be_read(tmp_path: Path) -> None:
    """It is a finding, and no crash."""
    done = doctor(tmp_path, DJANGO_SETTINGS_MODULE="no_such_settings")
    assert done.returncode == 1
    assert "airlock.core.E005  The plugin 'django' could not examine" in done.stdout
    assert "no_such_settings" in done.stdout
