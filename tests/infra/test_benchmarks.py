"""The benchmark of the queues still measures what it says; what it measures is nobody's test."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
LIBRARIES = sorted(file.stem for file in (BENCHMARKS / "libraries").glob("*.py"))


@pytest.fixture
def slow_link(monkeypatch):
    """The module of the link."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    import slow_link

    yield slow_link
    del sys.modules["slow_link"]


def asked(port: int, *requests: bytes) -> list[bytes]:
    """Ask a Redis, one request after the other's answer."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        answers = []
        for request in requests:
            client.sendall(request)
            answers.append(client.recv(1024))
        return answers


@pytest.mark.parametrize("library", LIBRARIES)
def test_each_library_is_measured(library, redis_url):
    """Each way to send is timed in each round, on both links, and airlock's way takes few trips."""
    measured = subprocess.run(
        [sys.executable, BENCHMARKS / "measure_queues.py", library, redis_url],
        env={**os.environ, "BENCH_SIZE": "50", "BENCH_ROUNDS": "2"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert measured.returncode == 0, measured.stderr
    figures = json.loads(measured.stdout)

    ways = figures["loopback"].keys()
    assert {"loop", "airlock"} <= ways
    assert figures["slow"].keys() == figures["round trips"].keys() == ways
    assert all(len(rounds) == 2 and min(rounds) > 0 for rounds in figures["loopback"].values())
    assert figures["round trips"]["loop"] >= 50
    assert 1 <= figures["round trips"]["airlock"] <= 3


def test_the_link_makes_each_answer_slower(slow_link, redis_server):
    """Five requests through a link of 20 ms take five times 20 ms."""
    with slow_link.Link(redis_server.port, delay=0.02) as link:
        began = time.monotonic()
        assert asked(link.port, *[b"PING\r\n"] * 5) == [b"+PONG\r\n"] * 5

        assert time.monotonic() - began >= 0.1


def test_the_link_counts_round_trips(slow_link, redis_server):
    """What is sent in one go is one, however long it is."""
    with slow_link.Link(redis_server.port, silence=0.02) as link:
        assert link.round_trips() == 0
        asked(link.port, b"PING\r\n", b"SET big " + b"a" * 40_000 + b"\r\n", b"PING\r\n")

        assert link.round_trips() == 3
