"""A Redis and a Sentinel that knows where it is, and a Redis that listens at a path."""

from __future__ import annotations

import servers


class PathRedis(servers.Redis):
    """A Redis that listens at a path, too."""

    def command(self) -> list[str]:
        """Return the command that serves both."""
        return [*super().command(), "--unixsocket", self.path]

    @property
    def path(self) -> str:
        """Where it listens."""
        return str(self.directory / "redis.sock")


class Sentinel(servers.Redis):
    """A Sentinel that watches one Redis, by the name of `shop`."""

    ready_when_it_logs = "Sentinel ID is"

    def __init__(self, watched: servers.Redis) -> None:
        self.watched = watched

    def command(self) -> list[str]:
        """Write what it is to watch, and return the command that does."""
        settings = self.directory / "sentinel.conf"
        settings.write_text(
            f"port {self.port}\nbind {self.host}\ndir {self.directory}\n"
            f"sentinel monitor shop {self.watched.host} {self.watched.port} 1\n"
        )
        server = servers.find_program("redis-server", "redis-server")
        return [server, str(settings), "--sentinel"]
