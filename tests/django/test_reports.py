"""A scope says of each intent where it comes from, who judged it, and what became of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.template import Context, Engine
from django.test import Client
from django.urls import path

import airlock
from airlock import BlockTasks, Deny, Policy, State
from airlock.testing import plugins
from airlock_core.plugins import manager
from airlock_django.reports import IntentReport
from twinapp.models import Row

pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db(transaction=True)]

PAGE = Engine().from_string(
    "{% for intent in request.airlock_scope.report %}"
    "{{ intent.task }} {{ intent.state }}, {{ intent.expected }} {{ intent.reason }};"
    "{% endfor %}"
)


def welcome(user: object = None, **more: object) -> str:
    """An effect, whose answer is nobody's business."""
    return "secret"


def audit() -> None:
    """Another effect."""


class NoAudits(Policy):
    """Denies one effect, and says why."""

    def allows(self, intent: airlock.Intent) -> bool | Deny:
        """Deny it."""
        return Deny("no audits today") if intent.task is audit else True


def view(request: HttpRequest) -> HttpResponse:
    """Enqueue in every way, and show what the scope has to say."""
    with airlock.policy(NoAudits()):
        airlock.enqueue(welcome, 1)
        airlock.enqueue(audit)
    return HttpResponse(PAGE.render(Context({"request": request})))


urlpatterns = [path("", view)]


def _reported(scope: airlock.Scope) -> list[IntentReport]:
    reports: list[IntentReport] = scope.report  # type: ignore[attr-defined]
    return reports


def test_a_template_shows_what_the_request_is_about_to_send() -> None:
    """Before the end, a plain template shows who would be denied, and nothing has left yet."""
    shown = Client().get("/").content.decode()

    assert f"{__name__}.welcome pending, dispatched" in shown
    assert f"{__name__}.audit pending, denied no audits today" in shown


def test_afterwards_it_says_what_became_of_each() -> None:
    """Afterwards, each intent has its outcome, its verdicts and its line."""
    with airlock.scope(policy=BlockTasks({"unused"})) as scope:
        with airlock.policy(NoAudits()):
            airlock.enqueue(welcome, "ann", mail=None, _dispatch_options={"queue": "q", "at": {}})
            airlock.enqueue(audit)

    sent, denied = _reported(scope)
    assert (sent.state, sent.executor, sent.receipt, sent.id) == ("dispatched", "sync", "str", "")
    assert (sent.arguments, sent.options) == ("str, mail=NoneType", "queue='q', at=dict")
    assert sent.origin.startswith(f"{__file__}:")
    assert "test_afterwards" in sent.origin
    assert [(v.by, v.says) for v in sent.verdicts] == [
        ("NoAudits", "allowed"),
        ("BlockTasks", "allowed"),
    ]
    assert (denied.state, denied.by, denied.reason) == ("denied", "NoAudits", "no audits today")
    assert [(v.by, v.says, v.reason) for v in denied.verdicts] == [
        ("NoAudits", "denied", "no audits today"),
        ("BlockTasks", "not heard", ""),
    ]
    assert str(denied) == f"{__name__}.audit(): denied by NoAudits: no audits today"


def test_the_verdict_of_a_plugin_is_told() -> None:
    """A process-wide policy is among those who judged, also where its denial names another."""
    auditor = SimpleNamespace()
    auditor.policy_check = airlock.hookimpl(lambda intent: Deny("not on Fridays", "the calendar"))
    auditor.policy_check.__name__ = "policy_check"
    with plugins():
        manager.register(auditor, "auditor")
        with airlock.scope(policy=NoAudits()) as scope:
            airlock.enqueue(welcome)
        (denied,) = _reported(scope)

    assert (denied.by, denied.reason) == ("the calendar", "not on Fridays")
    assert [(v.by, v.says) for v in denied.verdicts] == [
        ("NoAudits", "not heard"),
        ("auditor", "not heard"),
        ("the calendar", "denied"),
    ]


def test_what_was_rolled_back_or_discarded_was_heard_by_nobody() -> None:
    """An intent that went with its row, or with its scope, was judged by no policy."""
    with airlock.scope(policy=NoAudits()) as scope:
        with transaction.atomic():
            Row.objects.create(token="kept")
            with pytest.raises(ZeroDivisionError), transaction.atomic():
                airlock.enqueue(welcome)
                raise ZeroDivisionError
            airlock.enqueue(audit)
            waiting = _reported(scope)
        scope.discard("the customer left")

    assert [str(entry).partition(": ")[2] for entry in waiting] == [
        "pending, would be rolled back",
        "pending, would be denied after the commit by NoAudits: no audits today",
    ]
    assert [entry.state for entry in _reported(scope)] == ["discarded", "discarded"]
    assert _reported(scope)[1].reason == "the customer left"
    assert {v.says for entry in _reported(scope) for v in entry.verdicts} == {"not heard"}


def test_to_ask_is_not_to_judge() -> None:
    """A report in the middle of a request spends nothing of a policy that counts."""
    with airlock.scope(policy=airlock.Deduplicate()) as scope:
        airlock.enqueue(welcome, 1)
        assert [entry.expected for entry in _reported(scope) * 2] == ["dispatched"] * 2

    assert [intent.state for intent in scope.intents] == [State.DISPATCHED]


class Hidden:
    """An object that cannot even be shown."""

    def __repr__(self) -> str:
        """Fail."""
        raise ZeroDivisionError


def test_arguments_are_shown_by_type_unless_a_setting_and_debug_agree(settings: Any) -> None:
    """Values are shown with `REPORT_ARGUMENTS` and `DEBUG` alone, and no password even then."""
    with airlock.scope() as scope:
        airlock.enqueue(
            welcome, "ann", password="hunter2", card={"api_key": "k-1", "name": "Ann"}, odd=Hidden()
        )

    def arguments(debug: bool, wanted: bool) -> str:
        settings.DEBUG = debug
        settings.AIRLOCK = {"REPORT_ARGUMENTS": wanted}
        return _reported(scope)[0].arguments

    by_type = "str, password=str, card=dict, odd=Hidden"
    assert [arguments(True, False), arguments(False, True)] == [by_type, by_type]
    in_full = arguments(True, True)
    assert in_full.startswith("'ann', password='****")
    assert "'name': 'Ann'" in in_full
    assert "odd=<Hidden instance at" in in_full
    assert "hunter2" not in in_full
    assert "k-1" not in in_full


def test_an_error_is_told_by_its_class() -> None:
    """The message of a broker's error, which may quote a password, is not in the report."""

    def broken(intent: airlock.Intent) -> None:
        raise ConnectionError("amqp://shop:hunter2@broker refused")

    with pytest.raises(airlock.DispatchError), airlock.scope(executor=broken) as scope:
        airlock.enqueue(welcome)
        airlock.enqueue(audit)

    failed, untried = _reported(scope)
    assert (failed.state, failed.error) == ("failed", "ConnectionError")
    assert (untried.state, untried.error) == ("undelivered", "ConnectionError")
    assert "broken" in failed.executor
    assert "hunter2" not in str(failed)


def test_a_job_is_found_in_its_queue_by_the_id_of_the_report(redis_url: str) -> None:
    """The id in the report is the id of the job, known before it left."""
    import redis
    from rq import Queue

    with redis.Redis.from_url(redis_url) as connection:
        queue = Queue("reports", connection=connection)
        with airlock.scope(executor="rq") as scope:
            airlock.enqueue("shop.jobs.pack", 7, _dispatch_options={"queue": queue})
            (before,) = _reported(scope)
        (after,) = _reported(scope)

        assert (after.executor, after.receipt, after.options) == ("rq", "Job", "queue=Queue")
        assert queue.job_ids == [after.id] == [before.id]


def test_an_inner_scope_says_who_has_its_intents() -> None:
    """Seen from an inner scope that has ended, its intents are the outer one's."""
    with airlock.scope(name="request"):
        with airlock.scope() as inner:
            airlock.enqueue(welcome)
        (entry,) = _reported(inner)

    assert (entry.state, entry.expected, entry.by) == ("captured", "captured", "request")
