"""The shop of the page, and what it has written of two requests to each of its queues."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import redis

import observed_page
import observed_shop

ORDER, RETURN = "Follow an order", "Follow a return, on RQ"


@dataclass
class Request:
    """A request, and what was written of it; it has a section of the page.

    Attributes:
        heading: the section.
        correlation_id: what it has sent as `X-Correlation-ID`.
        trace_id: the trace in the `traceparent` that it has sent.
        order: the number of its order.
        site: the process that has answered it.
        worker: the process that works off what it has enqueued.
        shop: has the spans.
    """

    heading: str
    correlation_id: str
    trace_id: str
    order: int
    site: observed_shop.Site
    worker: observed_shop.Process
    shop: observed_shop.Shop

    @property
    def site_lines(self) -> list[dict[str, Any]]:
        """The lines of the site's log with its id."""
        return self._of_it(self.site)

    @property
    def worker_lines(self) -> list[dict[str, Any]]:
        """The lines of the worker's log with its id."""
        return self._of_it(self.worker)

    @property
    def spans(self) -> list[dict[str, Any]]:
        """The spans in its trace."""
        trace_id = f"0x{self.trace_id}"
        return [span for span in self.shop.spans if span["context"]["trace_id"] == trace_id]

    def spans_named(self, name: str) -> list[dict[str, Any]]:
        """The spans in its trace that have a name."""
        return [span for span in self.spans if span["name"] == name]

    def _of_it(self, process: observed_shop.Process) -> list[dict[str, Any]]:
        return [x for x in process.lines if x.get("correlation_id") == self.correlation_id]

    @property
    def is_done(self) -> bool:
        """Whether as much was written of it as the page shows."""
        _, worker_lines = observed_page.shown(self.heading, "json")
        (tree,) = observed_page.shown(self.heading, "text")
        return len(self.worker_lines) >= len(worker_lines) and len(self.spans) >= len(tree)


@pytest.fixture(scope="module")
def requests(redis_server, rabbitmq_server, tmp_path_factory) -> Iterator[list[Request]]:
    """Those of the page, and right behind each another one with ids of its own; all are worked off."""
    url = f"redis://{redis_server.host}:{redis_server.port}/1399"
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    directory = tmp_path_factory.mktemp("shop")
    shop = observed_shop.Shop(directory, rabbitmq_server.create_vhost(), url)
    with (
        observed_shop.Site(shop) as site,
        observed_shop.CeleryWorker(shop) as celery,
        observed_shop.RQWorker(shop) as rq,
    ):

        def sent(heading: str, worker: observed_shop.Process, number: int | None = None) -> Request:
            path, headers = observed_page.request(heading)
            if number is not None:
                digit = str(number)
                headers["X-Correlation-ID"] = f"c-{digit}"
                headers["traceparent"] = f"00-{digit * 32}-{digit * 16}-01"
            order = site.post(path, headers)
            trace_id = headers["traceparent"].split("-")[1]
            ids = headers["X-Correlation-ID"], trace_id, order
            return Request(heading, *ids, site, worker, shop)

        made = [sent(ORDER, celery), sent(RETURN, rq), sent(ORDER, celery, 3), sent(RETURN, rq, 4)]
        deadline = time.monotonic() + 20
        while not all(request.is_done for request in made) and time.monotonic() < deadline:
            time.sleep(0.1)  # where something never comes, the tests say what
        time.sleep(0.5)  # one too many would come now
        yield made


@pytest.fixture
def shop(requests) -> observed_shop.Shop:
    """The shop itself."""
    return requests[0].shop


@pytest.fixture(params=range(2), ids=["celery", "rq"])
def request_of_page(request, requests) -> Request:
    """The request that the page shows."""
    return requests[request.param]


@pytest.fixture(params=range(4), ids=["celery", "rq", "celery, next", "rq, next"])
def any_request(request, requests) -> Request:
    """Each request."""
    return requests[request.param]
