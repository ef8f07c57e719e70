"""A proxy in front of a server: it counts round trips, cuts or stalls the line, or holds its tongue."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Iterator
from typing import Self

HOST = "127.0.0.1"
SILENCE = 0.01  # seconds without a byte, after which a client has said what it wanted


class Proxy:
    """Forwards TCP connections to a port on this machine, from a free port.

    Attributes:
        port: where it listens.
        round_trips: how often clients have sent something, and then waited for the answer.
        cut_after: after how many further bytes from clients all lines are cut; None is never.
        silent: whether the server's answers are kept back.
        stall_after: after how many bytes of a longer message its rest is swallowed, while the line
            stays open; None is never.
        stalled: set when that has begun.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.round_trips = 0
        self.cut_after: int | None = None
        self.silent = False
        self.stall_after: int | None = None
        self.stalled = threading.Event()
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()

    def __enter__(self) -> Self:
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Refuse connections, and cut those that there are."""
        # A thread that waits in accept() would keep the port open.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Cut every connection that there is."""
        with self._lock:
            sockets, self._sockets = self._sockets, set()
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    @contextlib.contextmanager
    def counting(self) -> Iterator[list[int]]:
        """Count the round trips in a block: the list holds the number after it."""
        counted: list[int] = []
        before = self.round_trips
        yield counted
        counted.append(self.round_trips - before)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection((HOST, self.target))
                except OSError:
                    client.close()
                    continue
                with self._lock:
                    self._sockets |= {client, server}
                for pump in (self._upstream, self._downstream):
                    threading.Thread(target=pump, args=(client, server), daemon=True).start()

    def _upstream(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):  # ValueError: it was closed meanwhile
            while data := client.recv(65536):
                # All of it, or the server's answer to the first part would look like a round trip.
                while select.select([client], [], [], SILENCE)[0] and (more := client.recv(65536)):
                    data += more
                self.round_trips += 1
                if self.stall_after is not None and len(data) >= self.stall_after:
                    server.sendall(data[: self.stall_after])
                    self._swallow(client)
                    break
                if self.cut_after is not None:
                    data = data[: self.cut_after]
                    self.cut_after -= len(data)
                server.sendall(data)
                if self.cut_after == 0:
                    self.cut_after = None
                    self.cut()
        self._end(client, server)

    def _swallow(self, client: socket.socket) -> None:
        self.stall_after = None
        self.stalled.set()
        while client.recv(65536):
            pass

    def _downstream(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if not self.silent:
                    client.sendall(data)
        self._end(client, server)

    def _end(self, *sockets: socket.socket) -> None:
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        with self._lock:
            self._sockets -= set(sockets)
