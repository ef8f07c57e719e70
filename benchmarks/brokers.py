"""The brokers that the queues are measured with."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

HOST = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def redis() -> Iterator[str | None]:
    """Start a Redis that keeps nothing; yield its address, or None where none is installed."""
    if shutil.which("redis-server") is None:
        yield None
        return
    port = free_port()
    settings = f"--port {port} --bind {HOST} --appendonly no --save".split()
    server = subprocess.Popen(["redis-server", *settings, ""], stdout=subprocess.DEVNULL)
    try:
        while not _answers(port) and server.poll() is None:
            time.sleep(0.02)
        yield f"redis://{HOST}:{port}/0"
    finally:
        server.terminate()
        server.wait()


@contextlib.contextmanager
def rabbitmq() -> Iterator[str | None]:
    """Yield the address in BENCH_AMQP_URL, of a RabbitMQ that runs: to start one takes long."""
    yield os.environ.get("BENCH_AMQP_URL")


def _answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((HOST, port)) == 0


#: By the scheme of their addresses.
BROKERS = {"redis": redis, "amqp": rabbitmq}
