"""The benchmarks run, and of what they measure, that which is no noise does not get worse.

The round trips and the statements of a run, callbacks, and ratios that only a regression crosses.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SIZE = 100

#: The most round trips of a run, for each library and broker.
ROUND_TRIPS = {
    ("celery_tasks", "redis"): 2,
    ("celery_tasks", "amqp"): 3,
    ("rq_jobs", "redis"): 2,
    ("dramatiq_actors", "redis"): 2,
    ("dramatiq_actors", "amqp"): 3,
    ("huey_tasks", "redis"): 2,
    ("procrastinate_tasks", "postgresql"): 4,
    ("django_q_tasks", "redis"): 2,
    ("django_q_tasks", "postgresql"): 3,
    ("django_tasks_rows", "postgresql"): 3,
}

#: How many times less Python a run takes than a loop, and how many times faster it is 1 ms away:
#: half of what a busy machine finds. To RabbitMQ, the loops wait for nothing.
FASTER = {
    ("celery_tasks", "redis"): (1.5, 4),
    ("rq_jobs", "redis"): (1.5, 6),
    ("dramatiq_actors", "redis"): (1.5, 4),
    ("huey_tasks", "redis"): (1.2, 4),
    ("procrastinate_tasks", "postgresql"): (1.5, 6),
    ("django_q_tasks", "redis"): (1, 4),
    ("django_q_tasks", "postgresql"): (1.5, 3),
    ("django_tasks_rows", "postgresql"): (1.2, 2),
}
each_queue = pytest.mark.parametrize(("library", "broker"), list(ROUND_TRIPS))


def run(program, *arguments, **environment):
    """Run a benchmark at a small size, and return what it prints."""
    done = subprocess.run(
        [sys.executable, BENCHMARKS / program, *arguments],
        env=os.environ | {"BENCH_SIZE": str(SIZE), "BENCH_ROUNDS": "2"} | environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def measured(request):
    """A function that measures a library with a broker, the first time it is asked."""
    known = {}

    def ask(library, broker):
        if (library, broker) not in known:
            printed = run("measure_queues.py", library, address(request, broker))
            known[library, broker] = json.loads(printed)
        return known[library, broker]

    return ask


def address(request, broker):
    """Return the address of a private server, which starts when it is first needed."""
    if broker == "redis":
        return request.getfixturevalue("redis_url")
    if broker == "amqp":
        return request.getfixturevalue("rabbitmq_server").create_vhost("bench")
    return request.getfixturevalue("postgres").create_database("bench").url


@pytest.fixture
def benchmarks(monkeypatch):
    """Let a test import from the benchmarks, whose modules are forgotten after it."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(BENCHMARKS)
    yield
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(BENCHMARKS)):
            del sys.modules[name]


def test_each_library_is_measured():
    """None is in the benchmarks that these tests do not know."""
    libraries = {file.stem for file in (BENCHMARKS / "libraries").glob("*.py")}
    assert {library for library, _ in ROUND_TRIPS} == libraries


@each_queue
def test_each_way_is_measured(measured, library, broker):
    """Each way to send is timed in each round, on both links, and Python's share of it, too."""
    figures = measured(library, broker)

    ways = figures["loopback"].keys()
    assert {"loop", "airlock"} <= ways
    assert figures["slow"].keys() == figures["round trips"].keys() == ways
    assert figures["python"].keys() == {*ways, "floor"}
    assert all(len(rounds) == 2 and min(rounds) > 0 for rounds in figures["loopback"].values())


@each_queue
def test_a_run_takes_few_round_trips(measured, library, broker):
    """However many messages it has; the number of messages is that of a loop that waits."""
    trips = measured(library, broker)["round trips"]

    assert trips["airlock"] <= ROUND_TRIPS[library, broker]
    if broker != "amqp":  # to which a loop sends without waiting
        assert trips["loop"] >= SIZE


@pytest.mark.parametrize(("library", "broker"), list(FASTER))
def test_a_run_is_faster_than_the_loop(measured, library, broker):
    """In the better of the rounds, by what only a regression loses."""
    figures = measured(library, broker)

    for kind, least in zip(("python", "slow"), FASTER[library, broker], strict=True):
        rounds = zip(figures[kind]["loop"], figures[kind]["airlock"], strict=True)
        assert max(loop / ours for loop, ours in rounds) >= least


ONE_RUN = """
import os, sys
from measure_queues import opened, through_airlock

library = opened(*sys.argv[1:3])
through_airlock(library, 10)
print("ready", flush=True)
input()
through_airlock(library, int(sys.argv[3]))
os._exit(0)
"""


@pytest.mark.parametrize(
    ("library", "insert"),
    [
        ("procrastinate_tasks", "procrastinate_defer_jobs"),
        ("django_q_tasks", 'INSERT INTO "django_q_ormq"'),
        ("django_tasks_rows", 'INSERT INTO "django_tasks_database_dbtaskresult"'),
    ],
)
def test_a_run_of_rows_is_one_statement(postgres, library, insert):
    """PostgreSQL is asked to write them once, however many they are, in a transaction of its own."""
    database = postgres.create_database("bench")
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {database.name} SET log_statement = 'all'".encode())
    command = [sys.executable, "-c", ONE_RUN, library, database.url, str(SIZE)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=BENCHMARKS, stdin=pipe, stdout=pipe, text=True) as program:
        assert program.stdout.readline() == "ready\n"
        before = len(postgres.log)
        program.communicate("\n", timeout=60)
    assert program.returncode == 0

    statements = postgres.log[before:]
    assert [statements.count(word) for word in ("BEGIN", insert, "COMMIT")] == [1, 1, 1]


@pytest.fixture(scope="module")
def requests():
    """What Django did for the same requests, without airlock and with it."""
    plugins = {"AIRLOCK_PLUGINS": "django"}
    ways = ("plain", "airlock")
    return [json.loads(run("measure_web.py", way, "sqlite://", **plugins)) for way in ways]


def test_a_transaction_has_one_callback(requests):
    """However many effects wait for it; `on_commit` leaves one for each."""
    plain, ours = (counts(figures, "callbacks") for figures in requests)
    assert (plain, ours) == (SIZE, 1)


def test_a_request_has_no_statement_more(requests):
    """Ten effects of a request ask the database nothing."""
    plain, ours = (counts(figures, "statements") for figures in requests)
    assert plain == ours > 0


def counts(figures, kind):
    """Return the count whose name begins so."""
    (found,) = [count for name, count in figures["counts"].items() if name.startswith(kind)]
    return found


def test_the_parts_of_a_message_are_all_of_it(redis_url, tmp_path):
    """Each part is timed, in functions that exist, and together they are what a message takes."""
    file = tmp_path / "parts.json"
    run("parts.py", "--json", file, BENCH_REDIS_URL=redis_url)

    for parts in json.loads(file.read_text()).values():
        total = parts.pop("all")
        del parts["of it, the clocks"]
        assert len(parts) > 4
        assert min(parts.values()) > 0
        assert sum(parts.values()) == pytest.approx(total)


def test_the_page_has_a_place_for_each_table(benchmarks):
    """The report finds its markers, and replaces what stands between them, and nothing else."""
    import report

    page = report.PAGE.read_text()
    filled = report.filled_in(page, dict.fromkeys(report.BLOCKS, "new"))

    assert filled.count("\nnew\n") == len(report.BLOCKS)
    assert page.partition("<!-- begin")[0] == filled.partition("<!-- begin")[0]
    assert report.filled_in(filled, dict.fromkeys(report.BLOCKS, "new")) == filled
    with pytest.raises(ValueError, match="<!-- begin weather -->"):
        report.filled_in(page, {"weather": "sunny"})


def test_a_budget_says_by_how_much_it_is_missed(benchmarks):
    """Three times instead of four is a quarter less; 75 ns instead of 60 is a quarter more."""
    from budgets import Budget

    assert Budget("one", 4, 4).cells()[-1] == "met"
    assert Budget("two", 4, 3).cells()[-1] == "missed by 25%"
    assert Budget("three", 60, 75, " ns", at_least=False).cells()[-1] == "missed by 25%"
    assert Budget("four", 60, 40, " ns", at_least=False).cells()[-1] == "met"


def asked(port: int, *requests: bytes) -> list[bytes]:
    """Ask a Redis, one request after the other's answer."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        answers = []
        for request in requests:
            client.sendall(request)
            answers.append(client.recv(1024))
        return answers


def test_the_link_makes_each_answer_slower(benchmarks, redis_server):
    """Five requests through a link of 20 ms take five times 20 ms."""
    from slow_link import Link

    with Link(redis_server.port, delay=0.02) as link:
        began = time.monotonic()
        assert asked(link.port, *[b"PING\r\n"] * 5) == [b"+PONG\r\n"] * 5

        assert time.monotonic() - began >= 0.1


def test_the_link_counts_round_trips(benchmarks, redis_server):
    """What is sent in one go is one, however long it is."""
    from slow_link import Link

    with Link(redis_server.port, silence=0.02) as link:
        assert link.round_trips() == 0
        asked(link.port, b"PING\r\n", b"SET big " + b"a" * 40_000 + b"\r\n", b"PING\r\n")

        assert link.round_trips() == 3
