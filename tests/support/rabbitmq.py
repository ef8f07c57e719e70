"""A private RabbitMQ for the tests.

    with RabbitMQ() as rabbitmq:
        rabbitmq.url                       # "amqp://guest:guest@127.0.0.1:40001//"
        rabbitmq.create_vhost("shop")      # "amqp://guest:guest@127.0.0.1:40001/shop_1"

It starts in a few seconds, so tests share one, and each takes an empty virtual host of it.
"""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
from pathlib import Path
from typing import Self

from servers import Server, find_program, free_port

PACKAGE = "rabbitmq-server"
NODE = "airlock@localhost"  # localhost resolves on each machine, whose own name may not


class PortMapper(Server):
    """Erlang's epmd, without which no RabbitMQ starts: it knows the nodes of a machine by name."""

    ready_when_it_logs = "entering the main select() loop"
    stop_signal = signal.SIGTERM

    def command(self) -> list[str]:
        """Return the command that serves `self.port`."""
        settings = f"-d -d -address {self.host} -port {self.port}"
        return [find_program("epmd", PACKAGE), *settings.split()]


class RabbitMQ(Server):
    """A RabbitMQ of one node, without plugins."""

    ready_when_it_logs = "Server startup complete"
    stop_signal = signal.SIGTERM

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    @property
    def url(self) -> str:
        """The address of its default virtual host."""
        return f"amqp://guest:guest@{self.host}:{self.port}//"

    def create_vhost(self, name: str = "test") -> str:
        """Create an empty virtual host and return its address. Its name begins with `name`."""
        vhost = f"{name}_{next(self._numbers)}"
        # Asked of the node itself: rabbitmqctl would start an Erlang of its own, for seconds.
        asked = f"""
            ok = rabbit_vhost:add(<<"{vhost}">>, <<"tests">>),
            rabbit_auth_backend_internal:set_permissions(
                <<"guest">>, <<"{vhost}">>, <<".*">>, <<".*">>, <<".*">>, <<"tests">>).
        """
        erl_call = Path(find_program("erl", PACKAGE)).resolve().with_name("erl_call")
        cookie = (self.directory / ".erlang.cookie").read_text()
        answer = subprocess.run(
            [erl_call, "-sname", NODE, "-c", cookie, "-e"],
            input=asked,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ).stdout
        if answer != "{ok, ok}":
            raise RuntimeError(f"RabbitMQ did not make the virtual host {vhost}. It said: {answer}")
        return f"amqp://guest:guest@{self.host}:{self.port}/{vhost}"

    def start(self) -> Self:
        """Start it, and wait until it accepts connections."""
        self.port_mapper = PortMapper().start()
        try:
            return super().start()
        except BaseException:
            self.port_mapper.stop()
            raise

    def stop(self) -> None:
        """End it, and remove what it wrote. Ending it twice does nothing."""
        super().stop()
        self.port_mapper.stop()

    def prepare(self) -> None:
        """Make an installation that has no optional plugins.

        Erlang looks for each module in the folder of each plugin, which is a third of the time that
        RabbitMQ takes to start.
        """
        installed = Path(find_program("rabbitmq-server", PACKAGE)).resolve().parent.parent
        self._plugins.mkdir(parents=True)
        self._program.parent.symlink_to(installed / "sbin")
        for plugin in (installed / "plugins").iterdir():
            if not plugin.name.startswith("rabbitmq_") or "prelaunch" in plugin.name:
                (self._plugins / plugin.name).symlink_to(plugin)
        # For /etc, /var/lib and /var/log. The program sees it in this file alone.
        (self.directory / "settings").write_text(f"SYS_PREFIX='{self.directory}'\n")

    def command(self) -> list[str]:
        """Return the command that serves `self.port`."""
        return [str(self._program), "-noinput"]

    def environment(self) -> dict[str, str]:
        """Return what RabbitMQ reads, and nothing that the tests' own environment has for it."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.directory),  # of the cookie
            # Otherwise the program is a shell, and the broker a child of it.
            "RUNNING_UNDER_SYSTEMD": "true",
            "RABBITMQ_CONF_ENV_FILE": str(self.directory / "settings"),
            "RABBITMQ_PLUGINS_DIR": str(self._plugins),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_NODENAME": NODE,
            "RABBITMQ_NODE_IP_ADDRESS": self.host,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_ADDRESS": self.host,
            "ERL_EPMD_PORT": str(self.port_mapper.port),
            "ERL_FLAGS": "-start_epmd false",  # it would outlive the node
        }

    @property
    def _plugins(self) -> Path:
        return self.directory / "home" / "plugins"

    @property
    def _program(self) -> Path:
        return self.directory / "home" / "sbin" / "rabbitmq-server"
