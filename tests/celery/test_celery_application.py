"""`production_app()`: its defaults, its logs, and workers that are started from it."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest
import redis
from amqp.exceptions import MessageNacked
from celery.signals import setup_logging
from kombu import Queue
from kombu.exceptions import OperationalError

import airlock
import celery_workers
import servers
from airlock_celery import production_app
from airlock_celery.defaults import SETTINGS, TRANSPORT, VISIBILITY
from airlock_celery.logs import formatter

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "run-celery-in-production.md"

# A project of Django's, whose worker does nothing but what `production_app()` has it do.
PROJECT = {
    "shop/__init__.py": "",
    "shop/settings.py": """
import os

SECRET_KEY = "for tests alone"
INSTALLED_APPS = ["airlock_django", "orders"]
CELERY_BROKER_URL = os.environ["AIRLOCK_TEST_BROKER"]
CELERY_TASK_TIME_LIMIT = 40
""",
    "shop/celery.py": """
import os

import structlog

import airlock
from airlock_celery import production_app

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")


class RequestIds(airlock.Propagator):
    key = "request_id"

    def capture(self, intent):
        return None

    def restore(self, value):
        return structlog.contextvars.bound_contextvars(request_id=value)


airlock.register(RequestIds())
app = production_app()
""",
    "orders/__init__.py": "",
    "orders/tasks.py": """
import os
import time

import redis
from amqp.exceptions import MessageNacked
import structlog
from celery import shared_task

JOURNAL = redis.Redis.from_url(os.environ["AIRLOCK_TEST_JOURNAL"])


@shared_task
def pack(order):
    structlog.get_logger("orders").info("packed", order=order, color=("brown", 3))


@shared_task(bind=True)
def weigh(self, case):
    JOURNAL.rpush(case, os.getpid())
    if not self.request.delivery_info["redelivered"]:
        time.sleep(30)
""",
}


@pytest.fixture(autouse=True)
def _no_logs_of_ours_remain():
    yield
    setup_logging.disconnect(dispatch_uid="airlock_celery.logs")


@pytest.fixture(scope="module", params=["redis", "rabbitmq"])
def worker(request, new_database, tmp_path_factory):
    """A worker of that project, on Redis and on RabbitMQ."""
    folder = tmp_path_factory.mktemp("project")
    for name, text in PROJECT.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    journal = broker = new_database()
    if request.param == "rabbitmq":
        broker = request.getfixturevalue("rabbitmq_server").create_vhost("production")
    with celery_workers.Worker(
        "shop.celery", broker, "prefork", folder, AIRLOCK_TEST_JOURNAL=journal
    ) as started:
        yield started


def wait_for(found, log=lambda: ""):
    """Wait until something is there, and return it."""
    deadline = time.monotonic() + 30
    while not (it := found()):
        assert time.monotonic() < deadline, log()
        time.sleep(0.02)
    return it


def lines_of(worker, **wanted):
    """The lines of a worker's log that have these values, as dictionaries."""
    lines = [json.loads(line) for line in worker.log.splitlines() if line.startswith("{")]
    return [line for line in lines if wanted.items() <= line.items()]


def test_a_worker_logs_json_with_the_request_id(worker, make_app):
    """An event of a task has what travelled with its message, the task and its id."""
    sent = make_app(worker.broker).send_task(
        "orders.tasks.pack", (7,), headers={"request_id": "r-7"}
    )
    (line,) = wait_for(lambda: lines_of(worker, event="packed"), lambda: worker.log)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", line.pop("timestamp"))
    assert line == {
        "event": "packed",
        "order": 7,
        "color": ["brown", 3],
        "level": "info",
        "logger": "orders",
        "request_id": "r-7",
        "task": "orders.tasks.pack",
        "task_id": sent.id,
    }
    ended = wait_for(lambda: lines_of(worker, logger="celery.app.trace", task_id=sent.id))
    assert [end["request_id"] for end in ended] == ["r-7"]
    assert "data" not in ended[0], "Celery's copy of arguments and result"


def test_every_line_of_a_worker_is_json(worker):
    """Celery's own lines, too: after the banner there is nothing else."""
    lines = worker.log.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("{"))
    assert [line for line in lines[first:] if line and not line.startswith("{")] == []


def test_a_killed_task_runs_again(worker, make_app):
    """SIGKILL of a worker's child in the middle of a task costs a run, and not the task."""
    case = f"case of {worker.broker}"
    with redis.Redis.from_url(worker.journal) as journal:
        make_app(worker.broker).send_task("orders.tasks.weigh", (case,))
        first = int(wait_for(lambda: journal.lindex(case, 0), lambda: worker.log))
        os.kill(first, signal.SIGKILL)
        second = int(wait_for(lambda: journal.lindex(case, 1), lambda: worker.log))
    assert second != first


def test_what_the_project_sets_wins(make_app):
    """Over a default; and an argument wins over what the project sets."""
    app = production_app("wins", logs=None, task_time_limit=7, broker_url="redis://nowhere")
    app.config_from_object(
        {
            "task_acks_late": False,
            "task_time_limit": 8,
            "broker_transport_options": {"socket_timeout": 1},
        }
    )
    assert app.conf.task_acks_late is False
    assert app.conf.task_time_limit == 7
    assert app.conf.task_reject_on_worker_lost is True
    assert app.conf.broker_transport_options == {
        **TRANSPORT["redis"],
        "visibility_timeout": VISIBILITY,
        "socket_timeout": 1,
    }


@pytest.mark.parametrize(("limit", "visible"), [(None, 3600), (60, 3600), (4000, 8000)])
def test_redis_waits_for_the_longest_task(limit, visible):
    """visibility_timeout follows the time limit of the tasks."""
    app = production_app("waits", logs=None, task_time_limit=limit, broker_url="redis://nowhere")
    assert app.conf.broker_transport_options["visibility_timeout"] == visible


def test_rabbitmq_confirms(rabbitmq_url):
    """A message that RabbitMQ refuses is an error where it is sent, and not lost in silence."""
    full = Queue("full", queue_arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
    app = production_app("confirms", logs=None, broker_url=rabbitmq_url, task_queues=[full])
    with app:
        app.send_task("shop.first", queue="full")
        with pytest.raises((MessageNacked, OperationalError)) as refused:
            app.send_task("shop.second", queue="full")
    error = refused.value
    assert MessageNacked in (type(error), type(error.__cause__))  # a later Kombu wraps it


def test_a_redis_that_hangs_holds_up_nobody_for_long():
    """Outside of scopes, too, sending ends with an error."""
    with servers.Redis() as broker:
        app = production_app("deadline", logs=None, broker_url=broker.url)
        broker.pause()
        begun = time.monotonic()
        with app, pytest.raises(OperationalError):
            app.send_task("shop.first")
        assert time.monotonic() - begun < 20
        broker.resume()


def test_a_flush_keeps_its_own_deadline():
    """The app's timeouts do not lengthen `broker_timeout`."""
    airlock.configure(broker_timeout=1)
    with servers.Redis() as broker:
        app = production_app("flushes", logs=None, broker_url=broker.url)
        broker.pause()
        begun = time.monotonic()
        with app, pytest.raises(airlock.DispatchError), airlock.scope():
            airlock.enqueue(app.signature("shop.first"))
        assert time.monotonic() - begun < 4
        broker.resume()


def test_the_last_call_decides_how_a_process_logs():
    """Two apps in one process do not log every line twice."""
    production_app("first")
    production_app("second", logs="console")
    ours = [key for key, _ in setup_logging.receivers if "airlock_celery.logs" in str(key)]
    assert len(ours) == 1


def logged(style, log):
    """What one formatter makes of what is logged."""
    logger, stream = logging.Logger("shop"), io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter(style))
    logger.addHandler(handler)
    log(logger)
    return stream.getvalue()


def test_the_styles_of_logs():
    """Each writes the same: the message, its extras, what is bound, and the error."""
    import structlog

    def log(logger):
        with structlog.contextvars.bound_contextvars(request_id="r-1"):
            try:
                raise ValueError("out of stock")
            except ValueError:
                logger.exception("order %d failed", 7, extra={"order": 7})

    line = json.loads(logged("json", log))
    assert line["event"] == "order 7 failed"
    assert (line["level"], line["logger"]) == ("error", "shop")
    assert (line["request_id"], line["order"]) == ("r-1", 7)
    assert line["exception"].endswith("ValueError: out of stock")
    written = logged("key-value", log)
    assert re.match(r"timestamp='[^']+' level='error' event='order 7 failed' ", written)
    assert "request_id='r-1' " in written
    shown = logged("console", log)
    assert "order 7 failed" in shown
    assert "request_id=r-1" in shown
    assert "ValueError: out of stock" in shown
    assert "\x1b" not in shown, "colours where nobody sees them"


def test_a_setting_that_celery_has_not():
    """A misspelt override is an error that names the one that was meant."""
    with pytest.raises(airlock.ConfigurationError, match="Did you mean 'task_acks_late'"):
        production_app("typo", logs=None, task_ack_late=False)


def test_a_style_that_there_is_not():
    """The error lists the styles."""
    with pytest.raises(airlock.ConfigurationError, match="json, key-value, console"):
        production_app("style", logs="xml")


def test_no_structlog(monkeypatch):
    """The error says how to install it; without structured logs nothing needs it."""
    monkeypatch.setitem(sys.modules, "structlog", None)
    with pytest.raises(airlock.ConfigurationError, match=r"pip install 'airlock-celery\[structlog"):
        production_app("bare")
    assert production_app("bare", logs=None).main == "bare"


def test_the_page_has_every_default():
    """The table of the page holds each setting and its value, and no other."""
    section = PAGE.read_text().partition("\n## The defaults\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", section, re.MULTILINE)
    told = {name: eval(value, {}) for name, value in rows}
    options = {name: value for kind in TRANSPORT.values() for name, value in kind.items()}
    assert told == {**SETTINGS, **options, "visibility_timeout": VISIBILITY}
    assert len(rows) == len(told)
