"""Beside OpenTelemetry's own instrumentation of Celery, which gives each execution its span."""

from __future__ import annotations

import pytest

import celery_workers
import opentelemetry_lines
from opentelemetry_lines import awaited, named, traces, tree

ENDS = {"run/shop.pay": 2, "run/shop.mail": 5, "run/shop.pack": 2, "run/shop.ship": 1}


@pytest.fixture(scope="module", params=["both", "worker"])
def instrumented(request):
    """Whether the site is instrumented as well, or the worker alone."""
    return request.param


@pytest.fixture(scope="module")
def spans(instrumented, new_database, tmp_path_factory):
    """What the processes of a site and of a worker have written of a request."""
    broker = new_database()
    path = tmp_path_factory.mktemp("spans") / "spans.jsonl"
    variables = {
        "AIRLOCK_TEST_JOURNAL": broker,
        "AIRLOCK_TEST_INSTRUMENTED": instrumented,
        opentelemetry_lines.FILE: str(path),
    }
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


def test_an_execution_has_one_span(spans):
    """That of the instrumentation: airlock's own is not there."""
    assert not [span for span in spans if span["name"].startswith("process")]
    assert len(named(spans, "run/shop.pay")) == 2


def test_the_jobs_are_in_the_trace_of_the_request(of_request):
    """Also where the worker alone is instrumented, and what is sent after the commit."""
    names = [span["name"] for span in of_request]

    assert names.count("run/shop.pay") == 2
    assert names.count("run/shop.pack") == 2
    assert names.count("run/shop.ship") == 1
    assert names.count("run/shop.mail") == 1
    assert names.count("airlock.publish") == 2  # of the request, and of its task `pay`
    tenants = {s["attributes"]["tenant"] for s in of_request if "tenant" in s["attributes"]}
    assert tenants == {"acme"}


def test_a_message_is_sent_for_the_place_of_its_enqueue(instrumented, of_request):
    """The instrumentation's span of a message is a child of the request, not of the flush."""
    (http,) = named(of_request, "POST /orders")
    children = [s["name"] for s in of_request if s["parent_id"] == http["context"]["span_id"]]

    sent = "apply_async/shop.pay" if instrumented == "both" else "run/shop.pay"
    assert sent in children


def test_the_worker_keeps_nothing_of_it(spans, of_request):
    """What no request has asked for is in no trace of one."""
    others = [span for span in spans if span not in of_request]
    mails = named(others, "mail")

    assert len(traces(mails)) == 4, tree(others)
    assert {span["attributes"]["tenant"] for span in mails} == {"None"}
