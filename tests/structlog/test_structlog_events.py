"""What structlog's logger `airlock` says of intents: what was asked for, what left, what did not."""

from __future__ import annotations

import asyncio
import logging
import uuid

import pytest
import structlog
from structlog.contextvars import bind_contextvars, clear_contextvars

import airlock
import airlock.testing
import airlock_structlog
from airlock_structlog.dispatching import queue_name


@pytest.fixture(autouse=True)
def _alone():
    with airlock.testing.plugins():
        airlock.register(airlock_structlog.StructlogPlugin())
        yield


@pytest.fixture
def log():
    """The events, as structlog has them before they are rendered."""
    capture = structlog.testing.LogCapture()
    structlog.configure(
        processors=[capture], wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG)
    )
    return capture.entries


def named(log, event):
    return [entry for entry in log if entry["event"] == event]


class Quiet(airlock.Policy):
    """It is night."""

    def allows(self, intent):
        return airlock.Deny("it is night")


def effect(number, password=None): ...


def breaks(number):
    raise LookupError(number)


class Broker(airlock.Executor):
    """A queue that may be down, or break while messages are on their way."""

    supports_many = True

    def __init__(self, after=None, error=None, uncertain=False):
        self.after, self.error, self.uncertain = after, error, uncertain

    def dispatch_many(self, intents):
        for position, intent in enumerate(intents):
            if position == self.after:
                if self.uncertain:
                    yield airlock.Failure(self.error, uncertain=True)
                    continue
                raise self.error
            yield intent.id


def test_an_intent_is_told_from_its_line_to_its_departure(log):
    """Made at DEBUG, dispatched and the end of its scope at INFO, with the ids of the request."""
    bind_contextvars(request_id="r-1", unnamed="stays here")
    with airlock.scope(name="request GET /", executor=Broker()):
        intents = [airlock.enqueue(effect, number) for number in range(2)]

    created, _, dispatch, scope_exit = log
    assert created.pop("origin").startswith(__file__)
    assert created == {
        "event": "intent_created",
        "log_level": "debug",
        "request_id": "r-1",
        "task": f"{__name__}.effect",
        "intent_id": intents[0].id,
        "scope": "request GET /",
        "arguments": "int",
    }
    assert dispatch.pop("latency_ms") >= 0
    assert dispatch == {
        "event": "dispatch",
        "log_level": "info",
        "request_id": "r-1",
        "queue": "Broker",
        "tasks": [f"{__name__}.effect"],
        "ids": [intent.id for intent in intents],
        "batch_size": 2,
    }
    assert scope_exit == {
        "event": "scope_exit",
        "log_level": "info",
        "request_id": "r-1",
        "scope": "request GET /",
        "outcome": "flushed",
        "counts": {"dispatched": 2},
    }


def test_a_batch_that_leaves_after_the_commit_has_the_ids_of_its_request(log):
    """What is bound where the last hold is settled is somebody else's."""
    hold = airlock.Hold()
    bind_contextvars(request_id="mine")
    with airlock.scope(executor=Broker()):
        airlock.enqueue(effect, 1).hold(hold)
    clear_contextvars()
    bind_contextvars(request_id="another's")
    hold.keep()

    assert [entry["request_id"] for entry in log] == ["mine"] * 3


def test_what_a_batch_does_not_share_is_not_said_of_it(log):
    """Intents of several requests in one scope have in common what is the same for all."""
    with airlock.scope(executor=Broker()):
        for number in range(2):
            bind_contextvars(request_id=f"r-{number}", user_id=7)
            airlock.enqueue(effect, number)

    (dispatch,) = named(log, "dispatch")
    assert dispatch["user_id"] == 7
    assert "request_id" not in dispatch


def test_a_denial_says_by_whom_and_why(log):
    """At INFO, with where the intent was enqueued."""
    with airlock.scope(policy=Quiet()):
        intent = airlock.enqueue(effect, 1)

    (denied,) = named(log, "policy_denied")
    assert denied["log_level"] == "info"
    assert (denied["by"], denied["reason"]) == ("Quiet", "it is night")
    assert denied["intent_id"] == intent.id
    assert named(log, "scope_exit")[0]["counts"] == {"denied": 1}


def test_a_rollback_and_a_discarded_scope_are_told(log):
    """One is the transaction's, the other the scope's own."""
    hold = airlock.Hold()
    with airlock.scope():
        airlock.enqueue(effect, 1).hold(hold)
        hold.cancel()
    with pytest.raises(ZeroDivisionError), airlock.scope():
        airlock.enqueue(effect, 2)
        raise ZeroDivisionError

    assert [entry["log_level"] for entry in named(log, "intent_rolled_back")] == ["info"]
    (discarded,) = named(log, "intent_discarded")
    assert discarded["reason"] == "ZeroDivisionError was raised"
    assert [entry["outcome"] for entry in named(log, "scope_exit")] == ["flushed", "discarded"]


def test_a_broker_that_is_down_is_one_error_for_all_that_it_kept_back(log):
    """What left before is a batch, what failed an error, what was not tried another."""
    down = Broker(after=1, error=ConnectionError("refused"))
    with pytest.raises(airlock.DispatchError), airlock.scope(executor=down):
        ids = [airlock.enqueue(effect, number).id for number in range(4)]

    (dispatch,) = named(log, "dispatch")
    assert (dispatch["ids"], dispatch["batch_size"]) == (ids[:1], 4)
    failed, untried = named(log, "dispatch_failed")
    assert failed["log_level"] == "error"
    assert (failed["state"], failed["ids"]) == ("failed", ids[1:2])
    assert (untried["state"], untried["ids"]) == ("undelivered", ids[2:])
    assert failed["error"] == untried["error"] == "ConnectionError"
    assert named(log, "scope_exit")[0]["outcome"] == "failed"


def test_what_may_have_left_is_uncertain(log):
    """It has an event of its own: nobody may send it again without looking."""
    torn = Broker(after=0, error=ConnectionError("reset"), uncertain=True)
    with pytest.raises(airlock.DispatchError), airlock.scope(executor=torn):
        intent = airlock.enqueue(effect, 1)

    (uncertain,) = named(log, "dispatch_uncertain")
    assert uncertain["ids"] == [intent.id]
    assert not named(log, "dispatch")


def test_effects_that_run_here_are_inline(log):
    """One that fails does not hide the others."""
    with pytest.raises(airlock.DispatchError), airlock.scope():
        ids = [airlock.enqueue(each, 1).id for each in (effect, breaks, effect)]

    (dispatch,) = named(log, "dispatch")
    assert (dispatch["queue"], dispatch["ids"]) == ("inline", [ids[0], ids[2]])


def test_in_an_event_loop_what_is_awaited_is_told_as_well(log):
    """Inline effects, and an executor that is a coroutine function."""

    async def awaited(number):
        await asyncio.sleep(0.01)

    async def send(intent):
        await asyncio.sleep(0)
        return intent.id

    async def main():
        async with airlock.scope():
            airlock.enqueue(awaited, 1)
        async with airlock.scope(executor=send):
            airlock.enqueue(effect, 1)
            airlock.enqueue(effect, 2)

    asyncio.run(main())
    inline, sent = named(log, "dispatch")
    assert inline["queue"] == "inline"
    assert inline["latency_ms"] >= 10
    assert (sent["queue"], sent["batch_size"]) == (f"{main.__qualname__[:-4]}send", 2)


class Remote(airlock.Executor):
    """A queue that is awaited, for a whole run at once."""

    native_async = True

    def __init__(self, seconds):
        self.seconds = seconds

    async def dispatch_many(self, intents):
        await asyncio.sleep(self.seconds)
        return [intent.id for intent in intents]


def test_a_run_that_is_awaited_as_a_whole_is_one_batch(log):
    """It is told when all of it has left."""

    async def main():
        async with airlock.scope(executor=Remote(0.01)):
            return [airlock.enqueue(effect, number).id for number in range(3)]

    ids = asyncio.run(main())
    (dispatch,) = named(log, "dispatch")
    assert (dispatch["ids"], dispatch["latency_ms"] >= 10) == (ids, True)


def test_a_cancelled_run_is_as_uncertain_as_without_the_log(log):
    """What was on its way as a whole may have left as a whole."""
    intents = []

    async def work():
        async with airlock.scope(executor=Remote(60)):
            intents.extend(airlock.enqueue(effect, number) for number in range(3))

    async def main():
        working = asyncio.create_task(work())
        await asyncio.sleep(0.1)
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working

    asyncio.run(main())
    assert {intent.state for intent in intents} == {airlock.State.UNCERTAIN}
    (uncertain,) = named(log, "dispatch_uncertain")
    assert uncertain["ids"] == [intent.id for intent in intents]


def test_what_levels_leave_out_costs_nothing(log):
    """An intent that nobody logs gets no id for the log's sake."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    asked = []

    class Ids(Broker):
        supports_client_id = True

        def given_id(self, intent):
            asked.append(intent)

        def dispatch_many(self, intents):
            return [None for _ in intents]

    with airlock.scope(executor=Ids()):
        airlock.enqueue(effect, 1)
    assert (log, asked) == ([], [])


@pytest.mark.parametrize("wrapper", [structlog.stdlib.BoundLogger, structlog.BoundLogger])
def test_the_standard_librarys_logger_serves_as_well(caplog, wrapper):
    """Events go to its logger `airlock`, at their levels."""
    structlog.configure(
        processors=[structlog.stdlib.render_to_log_kwargs],
        wrapper_class=wrapper,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    with caplog.at_level(logging.INFO, "airlock"), airlock.scope():
        airlock.enqueue(effect, 1)

    said = [(record.name, record.levelname, record.message) for record in caplog.records]
    assert said == [("airlock", "INFO", "dispatch"), ("airlock", "INFO", "scope_exit")]


def test_nothing_is_printed_where_structlog_is_not_configured(capsys):
    """structlog would print it; an installed plugin is no reason for output."""
    with airlock.scope():
        airlock.enqueue(effect, 1)
    assert capsys.readouterr() == ("", "")


def test_events_can_be_turned_off(log):
    """What travels still does."""
    airlock_structlog.configure(events=False)
    bind_contextvars(request_id="r-1")
    with airlock.scope():
        intent = airlock.enqueue(effect, 1)
    assert log == []
    assert intent.meta == {"airlock_structlog": {"request_id": "r-1"}}


def test_a_log_that_fails_loses_no_effect(caplog):
    """A processor that raises is reported by the standard library's logging."""

    def broken(logger, name, event):
        raise RuntimeError("the disk is full")

    structlog.configure(processors=[broken])
    ran = []
    with airlock.scope():
        airlock.enqueue(ran.append, 1)

    assert ran == [1]
    assert "intent_created could not be logged" in caplog.text
    assert "scope_exit could not be logged" in caplog.text


def test_a_queue_is_named_as_its_plugin_is(log):
    """Also where an executor of its class was given by hand, or another plugin is around it."""
    airlock.register(Broker(), name="shop")
    assert queue_name(Broker()) == "shop"
    assert queue_name(airlock.ExecutorWrapper(Broker())) == "shop"


def test_arguments_are_logged_by_their_shape(log):
    """So that no log holds a secret."""
    with airlock.scope(executor=Broker()):
        airlock.enqueue(effect, 1, password="hush")
    assert named(log, "intent_created")[0]["arguments"] == "int, password=str"


def test_arguments_in_full_are_without_what_is_secret(log):
    """By name, also of a positional argument and inside of others."""
    airlock_structlog.configure(arguments="full")
    which = uuid.UUID(int=1)
    with airlock.scope(executor=Broker()):
        airlock.enqueue(effect, 1, "hush")
        airlock.enqueue(print, {"API_KEY": "k", "to": ["a", which]}, sep=None)
        airlock.enqueue("shop.tasks.mail", "who", Access_Token="t")

    assert [entry["arguments"] for entry in named(log, "intent_created")] == [
        {"number": 1, "password": "[redacted]"},
        {"0": {"API_KEY": "[redacted]", "to": ["a", repr(which)]}, "sep": None},
        {"0": "who", "Access_Token": "[redacted]"},
    ]
