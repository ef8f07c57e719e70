"""One trace on the other queues: with headers, and without any."""

from __future__ import annotations

import opentelemetry_lines

PAID = """\
POST /orders
  airlock.flush
    airlock.publish
"""


def test_on_huey_the_trace_travels_in_the_task():
    """To a retry, too."""
    drawn = opentelemetry_lines.runs("import opentelemetry_workers as it; it.huey_jobs()")

    name = "opentelemetry_workers.pay"
    assert drawn == PAID + f"  process {name}\n  process {name}\n    paid\n"


def test_on_dramatiq_the_trace_travels_in_the_options_of_the_message():
    """To a retry and to every step of a pipeline; the failure of a job is recorded."""
    drawn = opentelemetry_lines.runs("import opentelemetry_workers as it; it.dramatiq_jobs()")

    steps = "".join(
        f"  process dramatiq.composition.pipeline\n    pack {number}\n" for number in (1, 2)
    )
    assert drawn == PAID + steps + "  process pay\n    paid\n  process pay (LookupError)\n"
