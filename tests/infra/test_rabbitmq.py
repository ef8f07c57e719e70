"""The private RabbitMQ of the tests."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import kombu
import pytest

import rabbitmq
import servers
from rabbitmq import RabbitMQ

# Its process is killed when the server is ready, or in the middle of its start.
OWNER_THAT_IS_KILLED = """
import os
from rabbitmq import RabbitMQ

class Killed(RabbitMQ):
    def _becomes_ready(self):
        ready = {waits} and super()._becomes_ready()
        print(self.directory, self.port_mapper.directory, self.port_mapper.port, flush=True)
        os.kill(os.getpid(), 9)

Killed().start()
"""


def _put(url: str, body: str) -> None:
    confirmed = kombu.Connection(url, transport_options={"confirm_publish": True})
    with confirmed as connection, connection.SimpleQueue("letters") as queue:
        queue.put(body)


def _get(url: str) -> str | None:
    with kombu.Connection(url) as connection, connection.SimpleQueue("letters") as queue:
        with contextlib.suppress(queue.Empty):
            message = queue.get(block=False)
            message.ack()
            return message.payload
    return None


def _accepts_connections(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((servers.HOST, port)) == 0


@pytest.fixture(scope="module")
def own_server():
    """One that a test may kill."""
    with RabbitMQ() as server:
        yield server


def test_it_gives_back_what_was_published(rabbitmq_url):
    """`rabbitmq_url` is a RabbitMQ that takes a message and gives it back, once."""
    _put(rabbitmq_url, "hello")

    assert _get(rabbitmq_url) == "hello"
    assert _get(rabbitmq_url) is None


def test_virtual_hosts_are_apart(rabbitmq_server):
    """What is published to a virtual host is not in another, whatever its name."""
    first, second = rabbitmq_server.create_vhost("shop"), rabbitmq_server.create_vhost("shop")
    _put(first, "hello")

    assert _get(second) is None
    assert _get(rabbitmq_server.url) is None
    assert _get(first) == "hello"


def test_two_run_at_once(rabbitmq_server, own_server):
    """Two of one machine, and of one node name, know nothing of each other."""
    _put(rabbitmq_server.url, "to the first")

    assert own_server.port != rabbitmq_server.port
    assert _get(own_server.url) is None
    assert _get(rabbitmq_server.url) == "to the first"


@pytest.mark.parametrize("waits", [True, False])
def test_nothing_is_left_of_a_killed_owner(waits):
    """When the process that started it is killed, also in the middle, Erlang's epmd ends as well."""
    owner = subprocess.run(
        [sys.executable, "-c", OWNER_THAT_IS_KILLED.format(waits=waits)],
        env={**os.environ, "PYTHONPATH": str(Path(rabbitmq.__file__).parent)},
        stdout=subprocess.PIPE,
        text=True,
    )
    *directories, port = owner.stdout.split()

    deadline = time.monotonic() + 30
    while _accepts_connections(int(port)) or any(Path(each).exists() for each in directories):
        assert time.monotonic() < deadline, "the server outlived its owner"
        time.sleep(0.05)


@pytest.mark.parametrize("crashes", [False, True])
def test_its_queues_outlive_a_restart(own_server, crashes):
    """It comes back on its port with its durable queues and messages, also after it was killed."""
    url = own_server.create_vhost()
    _put(url, "hello")
    if crashes:
        own_server.kill()

    own_server.restart()

    assert _get(url) == "hello"
    assert own_server.create_vhost() != url


def test_it_hangs_while_it_is_paused(own_server):
    """A paused one accepts connections and answers nothing; when it goes on, it answers."""
    own_server.pause()
    with socket.create_connection((own_server.host, own_server.port), timeout=0.5) as client:
        client.sendall(b"AMQP\x00\x00\x09\x01")
        with pytest.raises(TimeoutError):
            client.recv(1)

        own_server.resume()
        client.settimeout(30)

        assert client.recv(1)


def test_a_refused_virtual_host_is_an_error(own_server):
    """A virtual host that could not be made is not returned, and the error says why."""
    with pytest.raises(RuntimeError, match="syntax error"):
        own_server.create_vhost('a"quote')
