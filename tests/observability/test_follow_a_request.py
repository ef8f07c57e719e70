"""One correlation id and one trace, from an HTTP request to a worker's own lines and spans."""

from __future__ import annotations

import re

from observed_page import short, shown, tree

JOB_ID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")


def test_the_page_shows_the_log_of_the_site(request_of_page):
    """Made, rolled back with its savepoint, sent after the commit: each line has the id and the trace."""
    assert short(request_of_page.site_lines) == shown(request_of_page.heading, "json")[0]


def test_the_page_shows_the_log_of_the_worker(request_of_page):
    """Both runs of a retry, and every part of a chord, have them; two children write in any order."""
    lines = short(request_of_page.worker_lines)

    assert sorted(lines) == sorted(shown(request_of_page.heading, "json")[1])


def test_the_page_shows_the_trace(request_of_page):
    """It has a span for each execution, below that of the request."""
    assert [tree(request_of_page.spans)] == shown(request_of_page.heading, "text")


def test_the_next_request_has_ids_of_its_own(requests):
    """The same processes write the same of it, with nothing of the request before."""
    for first, second in zip(requests[:2], requests[2:], strict=True):
        ids = {
            f'"correlation_id": "{first.correlation_id}"': f'"correlation_id": "{second.correlation_id}"',
            first.trace_id[:4]: second.trace_id[:4],
            f'"order": {first.order}': f'"order": {second.order}',
        }
        expected = short(first.worker_lines)
        for old, new in ids.items():
            expected = [line.replace(old, new) for line in expected]

        assert sorted(short(second.worker_lines)) == sorted(expected)
        assert tree(second.spans) == tree(first.spans)


def test_no_line_about_a_task_is_without_its_id(requests):
    """Whatever names an order, or is Celery's about a task, has the id and the request id of a request."""
    orders = {request.order: request.correlation_id for request in requests}
    request_ids = {
        request.correlation_id: {line["request_id"] for line in request.site_lines}
        for request in requests
    }
    celery, rq = requests[0].worker, requests[1].worker
    about = [line for line in [*celery.lines, *rq.lines] if "order" in line or "task_id" in line]

    for line in about:
        assert line["correlation_id"] == orders.get(line.get("order"), line["correlation_id"])
        assert {line["request_id"]} == request_ids[line["correlation_id"]]
    assert len(about) == sum(len(request.worker_lines) for request in requests)
    assert not [line for line in celery.lines if "Task " in line["event"] and "task_id" not in line]


def test_what_was_rolled_back_is_in_no_worker(any_request):
    """It leaves neither a line nor a span of a job; the span of the flush has an event of it."""
    lines, text = any_request.worker.lines, any_request.worker.log
    assert not [line for line in lines if "thank" in str(line)]
    assert not re.search(r"thank\(|thank\[", text)
    assert not [span for span in any_request.spans if "thank" in span["name"]]

    (flush,) = any_request.spans_named("airlock.flush")
    (event,) = flush["events"]
    assert event["name"] == "airlock.intent_rolled_back"
    assert event["attributes"]["airlock.task"].endswith(".thank")


def test_every_job_is_a_child_of_the_request(any_request):
    """Its span has the request's for its parent, although the message left after the commit, in a span linked to it."""
    (http,) = any_request.spans_named(tree(any_request.spans)[0])
    jobs = [span for span in any_request.spans if span["name"].startswith("process ")]
    (publish,) = any_request.spans_named("airlock.publish")

    assert {span["parent_id"] for span in jobs} == {http["context"]["span_id"]}
    assert {span["kind"] for span in jobs} == {"SpanKind.CONSUMER"}
    assert [link["context"]["span_id"] for link in publish["links"]] == [http["context"]["span_id"]]


def test_the_two_runs_of_a_retry_are_one_message(any_request):
    """Their spans have the id of one intent, which the site has logged as sent."""
    sent = next(line for line in any_request.site_lines if line["event"] == "dispatch")
    runs = any_request.spans_named(f"process {sent['tasks'][0]}")

    assert len(runs) == 2
    assert [span["attributes"]["airlock.intent_id"] for span in runs] == [sent["ids"][0]] * 2


def test_the_error_of_a_job_is_on_its_span(requests):
    """The one that RQ has run again has it, and no other; a retry of Celery's is no error."""
    for request in requests:
        failed = [span for span in request.spans if span["status"]["status_code"] == "ERROR"]
        errors = [
            event["attributes"]["exception.message"] for span in failed for event in span["events"]
        ]
        is_return = request.worker is requests[1].worker
        assert errors == (["the bank does not answer"] if is_return else [])


def test_no_span_is_in_another_trace(requests, shop):
    """A worker begins no trace of its own."""
    traces = {span["context"]["trace_id"] for span in shop.spans}

    assert traces == {f"0x{request.trace_id}" for request in requests}


def test_the_lines_of_rq_name_what_was_sent(requests):
    """They have no correlation id, but that of a job, which a line of the site has too."""
    returns = [request for request in requests if request.worker is requests[1].worker]
    sent = {
        number
        for request in returns
        for line in request.site_lines
        if line["event"] == "dispatch"
        for number in line["ids"]
    }
    own = [line for line in requests[1].worker.log.splitlines() if "{" not in line]
    named = {number for line in own for number in JOB_ID.findall(line)}

    assert named == sent
    assert len(sent) == 4
