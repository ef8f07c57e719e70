"""The `AIRLOCK` setting: what each key does, and that an override is put back."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.test import override_settings

import airlock
from airlock.testing import RecordingExecutor
from airlock_django.scopes import DjangoScope
from airlock_django.settings import DEFAULTS, Unavailable
from twinapp.models import Row

sent: list[Any] = []
recorder = RecordingExecutor()
no_list = airlock.BlockTasks({"append"})


class MyExecutor(airlock.Executor):
    """An executor that settings name by its class."""

    def __call__(self, intent: airlock.Intent) -> str:
        """Send."""
        sent.append(("mine", *intent.args))
        return intent.id


class MyPolicy(airlock.Policy):
    """A policy that settings name by its class."""

    def allows(self, intent: airlock.Intent) -> bool:
        """Deny everything."""
        return False


class Counted(airlock.Policy):
    """A policy that cannot be made without arguments."""

    def __init__(self, count: int) -> None:
        """Take one."""
        self.count = count


class MyScope(DjangoScope):
    """A scope class of a project."""


@pytest.fixture(autouse=True)
def _clear() -> None:
    sent.clear()
    recorder.clear()


def enqueue() -> airlock.Scope:
    """Enqueue one in a scope."""
    with airlock.scope() as scope:
        airlock.enqueue(sent.append, "a")
    return scope


def test_the_defaults() -> None:
    """Without any setting a scope is a `DjangoScope`, runs effects inline, and is strict here."""
    configured = airlock.get_configuration()
    assert configured.scope_cls is DjangoScope
    assert (configured.executor, configured.policy, configured.strict) == (None, None, True)
    assert isinstance(enqueue(), DjangoScope)
    assert sent == ["a"]


def test_an_override_applies_and_is_put_back() -> None:
    """`override_settings` counts in its block, and not after it."""
    before = airlock.get_configuration()
    with override_settings(
        AIRLOCK={
            "EXECUTOR": f"{__name__}.recorder",
            "POLICY": f"{__name__}.no_list",
            "SCOPE_CLASS": f"{__name__}.MyScope",
            "USING": ["default"],
            "STRICT": False,
        }
    ):
        inside = airlock.get_configuration()
        assert (inside.executor, inside.policy) == (recorder, no_list)
        assert (inside.scope_cls, inside.strict) == (MyScope, False)
        assert dict(inside.scope_kwargs) == {"using": ["default"]}
        assert isinstance(enqueue(), MyScope)
    assert sent == []
    enqueue()
    assert sent == ["a"]
    assert airlock.get_configuration() == before


@pytest.mark.parametrize("given", [recorder, f"{__name__}.recorder"], ids=["object", "path"])
def test_executor(settings: Any, given: Any) -> None:
    """`EXECUTOR` is an object or a dotted path."""
    settings.AIRLOCK = {"EXECUTOR": given}
    enqueue()
    assert recorder.calls == [(sent.append, ("a",), {})]


def test_executor_by_the_name_of_a_plugin(settings: Any) -> None:
    """`EXECUTOR` is the name of a plugin; what that cannot carry, it refuses."""
    settings.AIRLOCK = {"EXECUTOR": "django-tasks"}
    with airlock.scope(), pytest.raises(airlock.IntentError, match="no Django task"):
        airlock.enqueue(sent.append, "a")
    settings.AIRLOCK = {"EXECUTOR": "sync"}
    enqueue()
    assert sent == ["a"]


def test_executor_by_its_class(settings: Any) -> None:
    """A dotted path to a class makes one of it, as Django does with backends."""
    settings.AIRLOCK = {"EXECUTOR": f"{__name__}.MyExecutor"}
    enqueue()
    assert sent == [("mine", "a")]


@pytest.mark.parametrize(
    ("given", "by"),
    [
        (no_list, "BlockTasks"),
        (f"{__name__}.no_list", "BlockTasks"),
        (f"{__name__}.MyPolicy", "My"),
    ],
    ids=["object", "path", "class"],
)
def test_policy(settings: Any, given: Any, by: str) -> None:
    """`POLICY` is an object, a dotted path to one, or to its class."""
    settings.AIRLOCK = {"POLICY": given}
    (intent,) = enqueue().intents
    assert sent == []
    assert intent.state is airlock.State.DENIED
    assert by in str(intent.outcome)


@pytest.mark.parametrize(
    "wrong",
    [
        {"EXECUTOR": "missing.module.executor"},
        {"EXECUTOR": f"{__name__}.missing"},
        {"EXECUTOR": "no-such-plugin"},
        {"EXECUTOR": 3},
        {"POLICY": "missing.module.policy"},
        {"POLICY": f"{__name__}.recorder"},
        {"POLICY": MyPolicy},
        {"POLICY": f"{__name__}.Counted"},
        {"SCOPE_CLASS": f"{__name__}.recorder"},
        {"SCOPE_CLASS": "missing.module.Scope"},
        {"EXECUTOR": "missing.module.executor", "POLICY": f"{__name__}.no_list"},
    ],
    ids=str,
)
@pytest.mark.parametrize("explicit", [False, True], ids=["", "with an explicit executor"])
def test_what_cannot_be_used_refuses_every_enqueue(
    settings: Any, wrong: dict[str, Any], explicit: bool
) -> None:
    """Nothing runs inline instead, and nothing leaves without the policy that was meant."""
    settings.AIRLOCK = wrong
    with airlock.scope(executor=recorder if explicit else None) as scope:
        with pytest.raises(airlock.ConfigurationError, match=r"manage\.py check"):
            airlock.enqueue(sent.append, "a")
        assert len(scope) == 0
    assert sent == []
    assert recorder.calls == []
    assert isinstance(airlock.get_configuration().policy, Unavailable)


def test_a_correction_is_enough(settings: Any) -> None:
    """Once the path is right, the enqueue works again."""
    settings.AIRLOCK = {"EXECUTOR": "missing.module.executor"}
    settings.AIRLOCK = {"EXECUTOR": f"{__name__}.recorder"}
    enqueue()
    assert len(recorder) == 1


@pytest.mark.django_db(transaction=True, databases=["default", "other"])
@pytest.mark.parametrize("given", ["default", ["default"], ("default",)])
def test_using(settings: Any, given: Any) -> None:
    """`USING` names the databases to wait for, one or several."""
    from django.db import transaction

    settings.AIRLOCK = {"USING": given}
    with transaction.atomic(using="other"):
        enqueue()
        assert sent == ["a"]
    with transaction.atomic():
        enqueue()
        Row.objects.create(token="a")
        assert sent == ["a"]
    assert sent == ["a", "a"]


def test_using_in_a_scope_goes_first(settings: Any) -> None:
    """`airlock.scope(using=...)` is nearer than the setting."""
    settings.AIRLOCK = {"USING": "default"}
    scope: Any = airlock.scope(using=["other"])
    assert scope.using == ["other"] or tuple(scope.using) == ("other",)


def test_strict(settings: Any) -> None:
    """`STRICT` is obeyed whatever `DEBUG` says; None follows it, and the test runner."""
    for debug in (True, False):
        settings.DEBUG = debug
        settings.AIRLOCK = {"STRICT": False}
        with airlock.scope() as scope:
            airlock.enqueue(enqueue, "too many")
            scope.discard()
        settings.AIRLOCK = {"STRICT": True}
        with airlock.scope(), pytest.raises(airlock.IntentError):
            airlock.enqueue(enqueue, "too many")
        settings.AIRLOCK = {}
        with airlock.scope(), pytest.raises(airlock.IntentError):
            airlock.enqueue(enqueue, "too many")


def test_require(settings: Any) -> None:
    """A required plugin that is missing is an error at once, and one that is there is none."""
    settings.AIRLOCK = {"REQUIRE": ["django"]}
    with pytest.raises(airlock.PluginError, match="'audit' is missing"):
        settings.AIRLOCK = {"REQUIRE": ["audit"]}
    settings.AIRLOCK = {}


def test_a_process_does_not_start_without_a_required_plugin(run_django: Any) -> None:
    """A policy that is missing must not fail open: `django.setup()` raises."""
    done = run_django("check", settings="AIRLOCK = {'REQUIRE': ['audit']}")
    assert done.returncode != 0
    assert "the required plugin 'audit' is missing" in done.stderr


def test_the_wait_for_a_broker(settings: Any) -> None:
    """`BROKER_TIMEOUT` is airlock's `broker_timeout`."""
    settings.AIRLOCK = {"BROKER_TIMEOUT": 2}
    assert airlock.get_configuration().broker_timeout == 2
    settings.AIRLOCK = {}
    assert airlock.get_configuration().broker_timeout == 5


def test_strict_outside_tests(run_django: Any) -> None:
    """In a process that is no test, `strict` follows `DEBUG`."""
    files = {
        "shop/__init__.py": "",
        "shop/management/commands/show.py": """
            from django.core.management import BaseCommand

            import airlock


            class Command(BaseCommand):
                def handle(self, **options):
                    with airlock.scope():
                        print(airlock.get_configuration().strict)
        """,
    }
    for debug in (True, False):
        extra = f"DEBUG = {debug}\nINSTALLED_APPS += ['shop']"
        assert run_django("show", settings=extra, files=files).stdout.strip() == str(debug)


def test_every_key_has_a_test() -> None:
    """A key that is added needs a test in this file."""
    from pathlib import Path

    text = Path(__file__).read_text()
    elsewhere = {
        "DISCARD_FROM_STATUS",  # test_middleware.py
        "RAISE_DISPATCH_ERRORS",  # test_middleware.py
        "REPORT_ARGUMENTS",  # test_reports.py
        "STRUCTLOG",  # test_structlog_settings.py
    }
    assert [key for key in DEFAULTS if f'"{key}"' not in text and key not in elsewhere] == []


def test_logging_is_left_alone() -> None:
    """Nobody's log is set up by installing the app."""
    for name in ("airlock", "airlock.django"):
        logger = logging.getLogger(name)
        assert not logger.handlers
        assert logger.level == logging.NOTSET


def test_a_plugin_that_the_environment_requires_is_missed_at_the_start(
    run_django: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AIRLOCK_REQUIRE names a plugin that is not there: the process does not start."""
    monkeypatch.setenv("AIRLOCK_REQUIRE", "audit")
    done = run_django("check")
    assert done.returncode != 0
    assert "the required plugin 'audit' is missing" in done.stderr


@pytest.mark.parametrize(
    ("choice", "starts"), [("no:rq", True), ("django", True), ("celery", False), ("", False)]
)
def test_a_process_does_not_start_without_our_own_plugin(
    run_django: Any, monkeypatch: pytest.MonkeyPatch, choice: str, starts: bool
) -> None:
    """Where AIRLOCK_PLUGINS leaves it out, effects would leave before the commit, in silence."""
    with monkeypatch.context() as patched:
        patched.setenv("AIRLOCK_PLUGINS", choice)
        done = run_django("check")
    assert (done.returncode == 0) is starts, done.stderr
    assert ("leaves out the plugin 'django'" in done.stderr) is not starts
