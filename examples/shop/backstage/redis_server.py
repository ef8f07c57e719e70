"""A private Redis, for the queues that need one. It keeps a log of what it was told to do."""

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from backstage.programs import DemoError

HOST = "127.0.0.1"
ANSWER_SECONDS = 2
READY = "Ready to accept connections"


class RedisServer:
    """A Redis server on a free port.

    Args:
        folder: where it writes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            self._port = probe.getsockname()[1]
        self.url = f"redis://{HOST}:{self._port}/0"

    def command(self) -> list[str]:
        """Return the command that starts it.

        Raises:
            DemoError: its program is not installed.
        """
        program = shutil.which("redis-server")
        if program is None:
            raise DemoError(
                "this queue needs redis-server, which is not on this machine: "
                "apt-get install redis-server, or brew install redis"
            )
        options = f"--bind {HOST} --port {self._port} --appendonly yes --appendfsync no --save"
        return [program, "--dir", os.fspath(self._folder), *options.split(), ""]

    def ask(self, *command: str) -> int:
        """Send it a command whose answer is a number.

        Raises:
            DemoError: it does not answer.
        """
        from redis import Redis, RedisError

        try:
            with Redis.from_url(self.url, socket_timeout=ANSWER_SECONDS) as client:
                return int(client.execute_command(*command))
        except RedisError as error:
            raise DemoError(f"Redis does not answer: {error}") from error

    def writes(self) -> Iterator[list[bytes]]:
        """Read its append-only file: each command that changed something, in order."""
        for path in self._folder.glob("**/*.aof"):  # since Redis 7 in a folder of its own
            with path.open("rb") as file, suppress(EOFError):
                while True:
                    yield [_word(file) for _ in range(_number(file))]


def _number(file: BinaryIO) -> int:
    """Read `*2`, the words in a command, or `$6`, the bytes in a word."""
    line = file.readline()
    if not line.endswith(b"\n"):  # still being written
        raise EOFError
    return int(line[1:])


def _word(file: BinaryIO) -> bytes:
    length = _number(file)
    word = file.read(length + len(b"\r\n"))
    if not word.endswith(b"\r\n"):
        raise EOFError
    return word[:length]
