"""A link to a server on this machine, as slow as one through a network; it counts round trips.

    with Link(6379, delay=0.001) as link:
        connect(link.port)                 # each answer of the server comes a millisecond later

It is a process of its own, so that its work is not that of who is measured.
"""

from __future__ import annotations

import asyncio
import selectors
import subprocess
import sys
import time
from typing import Self

HOST = "127.0.0.1"


class Link:
    """A proxy, from a free port.

    Args:
        target: the server's port.
        delay: how many seconds each answer takes longer.
        silence: how many seconds without a byte end a request. It is for counting alone: each
            request waits for them.
    """

    def __init__(self, target: int, delay: float = 0, silence: float = 0) -> None:
        self._settings = [str(target), str(delay), str(silence)]
        self._silence = silence

    def __enter__(self) -> Self:
        command = [sys.executable, __file__, *self._settings]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self.port = self._asked()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._process.communicate()

    def round_trips(self) -> int:
        """How often a client has sent something until now, and then waited for the answer."""
        time.sleep(2 * self._silence)  # only then the last request is known to have ended
        assert self._process.stdin is not None
        print(file=self._process.stdin, flush=True)
        return self._asked()

    def _asked(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


async def serve(target: int, delay: float, silence: float) -> None:
    """Print the port, and for each line of input the round trips so far; end with the input."""
    loop = asyncio.get_running_loop()
    requests = 0

    async def request(client: asyncio.StreamReader) -> bytes:
        data = await client.read(65536)
        while silence and data:
            try:
                more = await asyncio.wait_for(client.read(65536), silence)
            except TimeoutError:
                break
            if not more:
                break
            data += more
        return data

    async def carry_requests(client: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        nonlocal requests
        try:
            while data := await request(client):
                requests += 1
                server.write(data)
        finally:
            server.close()

    async def carry_answers(server: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        while data := await server.read(65536):
            loop.call_later(delay, client.write, data)
        loop.call_later(delay, client.close)

    async def connected(client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        server, requests = await asyncio.open_connection(HOST, target)
        both = carry_requests(client, requests), carry_answers(server, answers)
        await asyncio.gather(*both, return_exceptions=True)

    listening = await asyncio.start_server(connected, HOST, 0)
    print(listening.sockets[0].getsockname()[1], flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(requests, flush=True)


def main() -> None:
    target, delay, silence = sys.argv[1:]
    # Other selectors wait for whole milliseconds.
    precise = asyncio.SelectorEventLoop(selectors.SelectSelector())
    with asyncio.Runner(loop_factory=lambda: precise) as runner:
        runner.run(serve(int(target), float(delay), float(silence)))


if __name__ == "__main__":
    main()
