"""The private servers of the tests."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
import redis

import rabbitmq
import servers

SERVERS = [servers.Redis, servers.Postgres, rabbitmq.RabbitMQ]


def _accepts_connections(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((servers.HOST, port)) == 0


def test_redis_answers(redis_url):
    """`redis_url` is a Redis that stores and returns."""
    with redis.Redis.from_url(redis_url) as client:
        client.set("greeting", "hello")

        assert client.get("greeting") == b"hello"


def test_postgres_databases_are_apart(postgres):
    """Each database that a test creates is empty and its own, whatever its name."""
    first, second = postgres.create_database("shop"), postgres.create_database("shop")

    with psycopg.connect(first.url) as connection:
        connection.execute("CREATE TABLE orders (id int)")
    with psycopg.connect(second.url) as connection:
        row = connection.execute("SELECT to_regclass('orders')").fetchone()

    assert row == (None,)


def test_postgres_has_room_for_concurrent_tests(postgres):
    """It takes the connections of many threads at once."""
    with psycopg.connect(postgres.create_database().url) as connection:
        assert connection.execute("SHOW max_connections").fetchone() == ("200",)


def test_no_server_of_the_machine_is_used(redis_server, postgres, rabbitmq_server):
    """The servers listen on ports of their own, not on those that Debian's would have."""
    assert redis_server.port != 6379
    assert postgres.port != 5432
    assert rabbitmq_server.port != 5672


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_ends_with_its_block(server):
    """After the block, also a failed one, nobody listens and nothing is left on the disk."""
    with pytest.raises(ZeroDivisionError), server() as started:
        assert _accepts_connections(started.port)
        raise ZeroDivisionError

    assert not _accepts_connections(started.port)
    assert not started.directory.exists()


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_ends_with_a_killed_owner(server):
    """When the process that started a server is killed, the server ends and its directory goes."""
    program = (
        f"import os; from {server.__module__} import {server.__name__} as Server;"
        "s = Server().start();"
        "print(s.port, s.directory, flush=True); os.kill(os.getpid(), 9)"
    )
    said = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(Path(servers.__file__).parent)},
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    port, directory = said.split()

    deadline = time.monotonic() + 30
    while _accepts_connections(int(port)) or Path(directory).exists():
        assert time.monotonic() < deadline, "the server outlived its owner"
        time.sleep(0.05)


def test_a_port_that_is_taken_is_not_shared(monkeypatch, free_port):
    """Where another process takes the port first, the server moves to the next."""
    with servers.Redis() as other:
        ports = iter([other.port, free_port()])
        monkeypatch.setattr(servers, "free_port", lambda: next(ports))

        with servers.Redis() as redis_:
            assert redis_.port != other.port


@pytest.mark.parametrize("server", SERVERS)
def test_a_missing_program_says_what_to_install(server, monkeypatch):
    """Without the server's program a test does not skip: it fails, and the error is the remedy."""
    monkeypatch.setattr(servers.shutil, "which", lambda *_args, **_kwargs: None)

    with pytest.raises(servers.MissingProgramError, match="apt-get install"):
        server().start()


def test_free_ports_are_free(free_port):
    """A free port is one that can be listened on."""
    with socket.socket() as listener:
        listener.bind((servers.HOST, free_port()))
