"""One trace, from an HTTP request to the spans of an RQ worker's processes."""

from __future__ import annotations

import pytest

import opentelemetry_lines
import rq_workers
from opentelemetry_lines import awaited, named, traces, tree

ENDS = {
    "process opentelemetry_rq.pay": 2,
    "process opentelemetry_rq.mail": 1,
    "process opentelemetry_rq.ship": 1,
    "mail": 2,
    "shipped": 1,
}


class Worker(rq_workers.Worker):
    """A worker that sets up its spans before the first job: RQ imports a job's module in the job."""

    def command(self) -> list[str]:
        return [*super().command(), "--config", "opentelemetry_rq"]


@pytest.fixture(scope="module", params=["forking", "simple"])
def spans(request, new_database, tmp_path_factory):
    """What the processes of a site and of a worker of each kind have written of a request."""
    url = new_database()
    path = tmp_path_factory.mktemp("spans") / "spans.jsonl"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(opentelemetry_lines.FILE, str(path))
        with Worker(url, rq_workers.KINDS[request.param]) as worker:
            program = "import opentelemetry_rq\nopentelemetry_rq.request()"
            opentelemetry_lines.runs(program, RQ_REDIS_URL=url)
            yield awaited(path, ENDS, worker)


@pytest.fixture
def of_request(spans):
    """Those in the trace of the request."""
    (http,) = named(spans, "POST /orders")
    return [s for s in spans if s["context"]["trace_id"] == http["context"]["trace_id"]]


def test_the_jobs_are_children_of_the_request(of_request):
    """After the commit, a retry and a dependency; what was rolled back has none."""
    drawn = tree(of_request).splitlines()

    assert drawn[:2] == ["POST /orders", "  airlock.flush"]
    jobs = sorted(line for line in drawn if line.startswith("  process"))
    assert jobs == [
        "  process opentelemetry_rq.pay",
        "  process opentelemetry_rq.pay",
        "  process opentelemetry_rq.ship",
    ]
    (paid,) = named(of_request, "pay, retries left: 0")
    (mailed,) = named(of_request, "process opentelemetry_rq.mail")
    assert mailed["parent_id"] == paid["parent_id"]
    (ship,) = named(of_request, "process opentelemetry_rq.ship")
    (shipped,) = named(of_request, "shipped")  # by a callback
    assert shipped["parent_id"] == ship["context"]["span_id"]
    bodies = [shipped, paid, *named(of_request, "mail"), *named(of_request, "ship")]
    assert {span["attributes"]["tenant"] for span in bodies} == {"acme"}


def test_a_job_says_what_it_is(of_request):
    """The queue, the id of the intent, and the error with which it failed."""
    first, second = named(of_request, "process opentelemetry_rq.pay")
    publish = named(of_request, "airlock.publish")[0]

    assert (
        first["attributes"].items()
        >= {
            "messaging.system": "rq",
            "airlock.task": "opentelemetry_rq.pay",
        }.items()
    )
    assert first["attributes"]["airlock.intent_id"] == second["attributes"]["airlock.intent_id"]
    assert first["status"] == {"status_code": "ERROR", "description": "LookupError"}
    assert first["events"][-1]["attributes"]["exception.message"] == "no such card"
    assert second["status"]["status_code"] == "UNSET"
    assert publish["attributes"]["messaging.destination.name"] == "default"


def test_the_worker_keeps_nothing_of_it(spans, of_request):
    """A job that no request has asked for is in a trace of its own."""
    others = [span for span in spans if span not in of_request]

    assert tree(others) == "mail"
    assert others[0]["attributes"]["tenant"] == "None"
    assert len(traces(spans)) == 2
