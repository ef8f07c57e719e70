"""When PostgreSQL refuses, hangs or goes away: one bounded wait, and no job sent twice or lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator

import procrastinate
import psycopg
import psycopg_pool
import pytest

import airlock
import procrastinate_shop
import servers
from airlock import State

DEADLINE = 1.0

# What an INSERT, or the COMMIT after it, runs into. Both happen in a real PostgreSQL.
TRIGGER = """
CREATE FUNCTION misfortune() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {what};
    RETURN NULL;
END $$;
CREATE {kind} TRIGGER misfortune AFTER INSERT ON procrastinate_jobs {when}
    FOR EACH ROW EXECUTE FUNCTION misfortune();
"""
HANGS = "PERFORM pg_sleep(1.2)"
IS_CUT = "PERFORM pg_terminate_backend(pg_backend_pid())"


@pytest.fixture(autouse=True)
def _impatient() -> None:
    airlock.configure(broker_timeout=DEADLINE)


@contextlib.contextmanager
def one_wait() -> Iterator[None]:
    """The block takes one deadline, and not two."""
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < 1.9 * DEADLINE


@contextlib.contextmanager
def misfortune(jobs, what: str, in_the_commit: bool) -> Iterator[None]:
    """In the block, each job that is inserted meets with it."""
    kind, when = ("CONSTRAINT", "DEFERRABLE INITIALLY DEFERRED") if in_the_commit else ("", "")
    jobs.connection.execute(TRIGGER.format(what=what, kind=kind, when=when).encode())
    try:
        yield
    finally:
        jobs.connection.execute("DROP TRIGGER misfortune ON procrastinate_jobs")
        jobs.connection.execute("DROP FUNCTION misfortune()")


def states(error: airlock.DispatchError) -> dict[str, list[int]]:
    """The arguments of the intents that did not leave, by what became of them."""
    ends = ("failed", "undelivered", "uncertain")
    return {end: [i.args[0] for i in getattr(error, end)] for end in ends if getattr(error, end)}


def flush(shop, *numbers: int) -> airlock.DispatchError:
    """Have jobs leave that cannot: what is raised."""
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        for number in numbers:
            airlock.enqueue(shop.add, number)
    return caught.value


def test_a_port_that_refuses_costs_one_wait(free_port):
    """The first failed, the others were not tried, and nothing is tried again by itself."""
    pool = psycopg_pool.ConnectionPool(f"host=127.0.0.1 port={free_port()}", open=False)
    app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector())
    shop = procrastinate_shop.tasks_of(app)
    with pool, app.open(pool), one_wait():
        error = flush(shop, 1, 2, 3)

    assert states(error) == {"failed": [1], "undelivered": [2, 3]}


def test_several_runs_of_a_flush_cost_one_wait(free_port):
    """Between effects that run here, a database that is down is asked once."""
    pool = psycopg_pool.ConnectionPool(f"host=127.0.0.1 port={free_port()}", open=False)
    app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector())
    shop = procrastinate_shop.tasks_of(app)
    ran = []
    with pool, app.open(pool), one_wait():
        with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
            for number in range(3):
                airlock.enqueue(shop.add, number)
                airlock.enqueue(ran.append, number)

    assert ran == [0, 1, 2]
    assert states(caught.value) == {"failed": [0], "undelivered": [1, 2]}


def test_one_database_that_is_down_keeps_back_no_other(shop, jobs, free_port):
    """The jobs of another app leave all the same, in order."""
    pool = psycopg_pool.ConnectionPool(f"host=127.0.0.1 port={free_port()}", open=False)
    app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector())
    down = procrastinate_shop.tasks_of(app)
    with pool, app.open(pool), one_wait():
        with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
            for number, task in enumerate((shop.add, down.add, shop.add, down.add, shop.add)):
                airlock.enqueue(task, number)

    assert jobs.numbers == [0, 2, 4]
    assert states(caught.value) == {"failed": [1, 3]}


@pytest.fixture(scope="module")
def server() -> Iterator[servers.Postgres]:
    """A PostgreSQL of this module's own, to be stopped."""
    with servers.Postgres() as server:
        yield server


@pytest.fixture
def own(server, make_tables) -> servers.Database:
    """A database in it, with procrastinate's tables."""
    database = server.create_database("own")
    make_tables(database)
    return database


@contextlib.contextmanager
def stopped(server: servers.Postgres) -> Iterator[None]:
    """The server and all its processes stand still: what they have accepted stays open."""
    with psycopg.connect(
        f"host={server.host} port={server.port} user=airlock dbname=postgres"
    ) as c:
        found = c.execute("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        pids = [row[0] for row in found]
    server.pause()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        server.resume()


def numbers_in(database: servers.Database) -> list[int]:
    with psycopg.connect(database.url) as connection:
        rows = connection.execute("SELECT args FROM procrastinate_jobs ORDER BY id").fetchall()
        return [row[0]["number"] for row in rows]


def test_a_server_that_hangs_costs_one_wait(server, own, make_app):
    """Stopped by SIGSTOP, it gets nothing that it would carry out later: a retry sends once."""
    shop = make_app(own.url, max_size=1).shop
    with stopped(server), one_wait():
        error = flush(shop, 1, 2)
    assert states(error) == {"failed": [1], "undelivered": [2]}
    error.retry()

    assert numbers_in(own) == [1, 2]


def test_a_server_that_hangs_costs_an_event_loop_one_wait(server, own):
    """The same in `async with`, while the loop goes on."""

    async def program() -> airlock.DispatchError:
        connector = procrastinate.PsycopgConnector(conninfo=own.url, min_size=1, max_size=1)
        app = procrastinate.App(connector=connector)
        shop = procrastinate_shop.tasks_of(app)
        async with app.open_async():
            with stopped(server), one_wait():
                with pytest.raises(airlock.DispatchError) as caught:
                    async with airlock.scope():
                        airlock.enqueue(shop.add, 1)
                        airlock.enqueue(shop.add, 2)
            await caught.value.aretry()
        return caught.value

    assert states(asyncio.run(program())) == {"failed": [1], "undelivered": [2]}
    assert numbers_in(own) == [1, 2]


def test_a_server_that_has_gone_is_found_again(server, own, make_app):
    """Ended and started again, it gets each job once, by a retry."""
    shop = make_app(own.url, max_size=1).shop
    server.process.send_signal(server.stop_signal)
    server.process.wait(20)
    with one_wait():
        error = flush(shop, 1, 2)
    assert states(error) == {"failed": [1], "undelivered": [2]}
    server.restart()
    airlock.configure(broker_timeout=20)  # the pool takes its time to connect again
    error.retry()

    assert numbers_in(own) == [1, 2]


def test_a_connection_that_died_while_it_was_idle_is_replaced(shop, jobs):
    """The pool looks before it gives one away, so nobody notices."""
    jobs.connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with airlock.scope():
        airlock.enqueue(shop.add, 1)

    assert jobs.numbers == [1]


def test_an_insert_that_hangs_is_given_up_for_good(shop, jobs):
    """It is not carried out later, when the server goes on: so a retry sends each job once."""
    with misfortune(jobs, HANGS, in_the_commit=False):
        with one_wait():
            error = flush(shop, 1, 2)
        assert states(error) == {"failed": [1], "undelivered": [2]}
        wait_for_threads()
        assert jobs.numbers == []
    error.retry()

    assert jobs.numbers == [1, 2]


def test_an_insert_that_hangs_is_given_up_in_an_event_loop(jobs):
    """The same in `async with`: it is undone when PostgreSQL answers, too late."""

    async def program() -> airlock.DispatchError:
        connector = procrastinate.PsycopgConnector(conninfo=jobs.url, min_size=1, max_size=1)
        app = procrastinate.App(connector=connector)
        shop = procrastinate_shop.tasks_of(app)
        async with app.open_async():
            with misfortune(jobs, HANGS, in_the_commit=False):
                with one_wait(), pytest.raises(airlock.DispatchError) as caught:
                    async with airlock.scope():
                        airlock.enqueue(shop.add, 1)
                async with app.connector.pool.connection():  # there again when it is undone
                    assert jobs.numbers == []
            await caught.value.aretry()
        return caught.value

    assert states(asyncio.run(program())) == {"failed": [1]}
    assert jobs.numbers == [1]


def test_a_pool_without_a_free_connection_costs_one_wait(jobs, make_app):
    """The application may use them all itself; nothing has left, and a retry sends it."""
    app = make_app(jobs.url, max_size=1)
    with app.connector.pool.connection(), one_wait():
        error = flush(app.shop, 1, 2)
    assert states(error) == {"failed": [1], "undelivered": [2]}
    error.retry()

    assert jobs.numbers == [1, 2]


def test_an_insert_that_is_cut_has_not_left(shop, jobs):
    """Without a COMMIT there is nothing, so this is certain, and a retry sends each job once."""
    with misfortune(jobs, IS_CUT, in_the_commit=False):
        error = flush(shop, 1, 2)
    assert states(error) == {"failed": [1], "undelivered": [2]}
    error.retry()

    assert jobs.numbers == [1, 2]


@pytest.mark.parametrize("what", [HANGS, IS_CUT], ids=["hangs", "is cut"])
def test_a_commit_without_an_answer_is_uncertain(shop, jobs, what):
    """All of that transaction are: they are there or not, and never sent again by themselves."""
    with misfortune(jobs, what, in_the_commit=True), one_wait():
        error = flush(shop, 1, 2)
    assert states(error) == {"uncertain": [1, 2]}
    error.retry()
    wait_for_threads()

    assert jobs.numbers == ([1, 2] if what == HANGS else [])


def test_an_earlier_batch_is_known_to_have_left(shop, jobs, monkeypatch):
    """Of several INSERTs, the report tells which was committed, which is open, which not tried."""
    monkeypatch.setattr("airlock_procrastinate.publishing.BATCH", 2)
    poison = (
        "IF NEW.args->>'number' = '3' THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF"
    )
    with misfortune(jobs, poison, in_the_commit=True):
        error = flush(shop, 0, 1, 2, 3, 4, 5)

    assert jobs.numbers == [0, 1]
    assert states(error) == {"failed": [4], "undelivered": [5], "uncertain": [2, 3]}
    assert [intent.state for intent in error.dispatched] == [State.DISPATCHED] * 2


def test_a_stopped_program_gives_up_what_it_waits_for(shop, jobs):
    """Ctrl-C in the wait for an INSERT: it is reported, and is not committed behind the report."""

    def interrupt() -> None:
        time.sleep(0.3)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    with misfortune(jobs, "PERFORM pg_sleep(1)", in_the_commit=False):
        interrupting = threading.Thread(target=interrupt)
        with pytest.raises(KeyboardInterrupt), airlock.scope() as scope:
            airlock.enqueue(shop.add, 1)
            interrupting.start()
        interrupting.join()
        wait_for_threads()

    assert [intent.state for intent in scope.intents] == [State.UNCERTAIN]
    assert jobs.numbers == []


def wait_for_threads() -> None:
    """Wait until what was given up has come to its end."""
    for thread in threading.enumerate():
        if thread.name == "airlock-procrastinate":
            thread.join(20)
