"""One trace, from an HTTP request to the spans of a Celery worker's processes."""

from __future__ import annotations

from pathlib import Path

import pytest

import celery_workers
import opentelemetry_lines
from opentelemetry_lines import awaited, named, traces, tree

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "trace-with-opentelemetry.md"

# Twice each where it is run again or has two parts; four are of no request.
ENDS = {
    "process shop.pay": 2,
    "process shop.mail": 1,
    "process shop.pack": 2,
    "process shop.ship": 1,
    "process shop.fail": 1,
    "mail": 5,
}


@pytest.fixture(scope="module", params=["redis", "rabbitmq"])
def spans(request, new_database, tmp_path_factory):
    """What the processes of a site and of a worker have written of a request."""
    results = broker = new_database()
    if request.param == "rabbitmq":
        broker = request.getfixturevalue("rabbitmq_server").create_vhost()
    path = tmp_path_factory.mktemp("spans") / "spans.jsonl"
    variables = {"AIRLOCK_TEST_JOURNAL": results, opentelemetry_lines.FILE: str(path)}
    support = opentelemetry_lines.SUPPORT
    with celery_workers.Worker(
        "opentelemetry_celery", broker, "prefork", support, **variables
    ) as worker:
        program = "import opentelemetry_celery\nopentelemetry_celery.request()"
        opentelemetry_lines.runs(program, AIRLOCK_TEST_BROKER=broker, **variables)
        yield awaited(path, ENDS, worker)


@pytest.fixture
def of_request(spans):
    """Those in the trace of the request."""
    (http,) = named(spans, "POST /orders")
    return [s for s in spans if s["context"]["trace_id"] == http["context"]["trace_id"]]


def test_the_jobs_are_children_of_the_request(of_request):
    """After the commit, a retry, in a chord, and in what a task enqueues; nothing is twice.

    It is what the documentation shows.
    """
    drawn = tree(of_request)

    assert f"```\n{drawn}\n```" in PAGE.read_text(), drawn


def test_a_savepoint_that_was_rolled_back_has_no_job(spans, of_request):
    """The span of the flush says which intent it kept back."""
    assert not [span for span in spans if "never" in span["name"]]
    flush = named(of_request, "airlock.flush")[0]
    (kept_back,) = flush["events"]
    assert kept_back["name"] == "airlock.intent_rolled_back"
    assert kept_back["attributes"]["airlock.task"] == "shop.never"
    assert flush["attributes"]["airlock.intents.dispatched"] == 3


def test_the_baggage_travels(of_request):
    """Each task of the request finds its tenant, also in a chord's body and in a task's own task."""
    found = {
        s["name"]: s["attributes"].get("tenant") for s in of_request if "tenant" in s["attributes"]
    }

    assert found == dict.fromkeys(
        ["pay, run 0", "pay, run 1", "pack 1", "pack 2", "ship", "mail"], "acme"
    )


def test_a_job_says_what_it_is(of_request):
    """Its queue, its id, and its error; a retry is no error."""
    first, second = named(of_request, "process shop.pay")
    (failed,) = named(of_request, "process shop.fail")

    assert first["kind"] == "SpanKind.CONSUMER"
    assert (
        first["attributes"].items()
        >= {
            "messaging.system": "celery",
            "messaging.operation.type": "process",
            "messaging.destination.name": "celery",
            "airlock.task": "shop.pay",
        }.items()
    )
    assert (
        first["attributes"]["messaging.message.id"] == second["attributes"]["messaging.message.id"]
    )
    assert second["attributes"]["celery.retries"] == 1
    assert [span["status"]["status_code"] for span in (first, second)] == ["UNSET", "UNSET"]
    assert failed["status"] == {"status_code": "ERROR", "description": "LookupError"}
    assert failed["events"][0]["attributes"]["exception.message"] == "no such order"


def test_the_worker_keeps_nothing_of_it(spans, of_request):
    """What no request has asked for is in no trace of one: its own spans begin traces."""
    others = [span for span in spans if span not in of_request]

    mails = named(others, "mail")
    assert tree(others).splitlines() == ["airlock.flush", "  airlock.publish", *["mail"] * 4]
    assert len(traces(mails)) == 4
    assert {span["attributes"]["tenant"] for span in mails} == {"None"}
