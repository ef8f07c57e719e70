"""Finding installed plugins: entry points of the group `airlock`, and which of them to load."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "airlock"


@dataclass(frozen=True)
class Installed:
    """A plugin as its distribution declares it.

    Attributes:
        name: the name of the entry point, by which users know the plugin.
        distribution: the name of the distribution that declares it.
        version: that distribution's version.
        entry_point: where to load it from.
    """

    name: str
    distribution: str
    version: str
    entry_point: EntryPoint

    def load(self) -> Any:
        """Import the plugin."""
        return self.entry_point.load()


@dataclass(frozen=True)
class PluginFailure:
    """A plugin that was left out.

    Attributes:
        name: the name of its entry point.
        distribution: the distribution that declares it.
        error: what went wrong.
    """

    name: str
    distribution: str
    error: Exception

    def __str__(self) -> str:
        """Say who failed, of which distribution, and why."""
        return f"plugin {self.name!r} of {self.distribution}: {self.error!r}"


def installed() -> list[Installed]:
    """List the installed plugins, ordered by name and then by distribution, the same everywhere."""
    from importlib.metadata import distributions

    found: dict[tuple[str, str], Installed] = {}
    for distribution in distributions():
        name = distribution.metadata["Name"] or "an unnamed distribution"
        for entry_point in distribution.entry_points:
            if entry_point.group == GROUP:
                # A distribution can stand on the path twice; the first is the one in use.
                found.setdefault(
                    (entry_point.name, name),
                    Installed(entry_point.name, name, distribution.version, entry_point),
                )
    return [found[key] for key in sorted(found)]


def selected(names: Collection[str], choice: str | None) -> Iterator[str]:
    """Apply `AIRLOCK_PLUGINS` to the installed names.

    Args:
        names: what is installed.
        choice: `None` takes all; `"celery,django"` those; `""` none; `"no:rq"` all but `rq`.
    """
    if choice is None:
        yield from names
        return
    words = [word.strip() for word in choice.split(",") if word.strip()]
    left_out = {word.removeprefix("no:") for word in words if word.startswith("no:")}
    wanted = {word for word in words if not word.startswith("no:")}
    for name in names:
        if name not in left_out and (name in wanted or (left_out and not wanted)):
            yield name


def unknown(names: Collection[str], choice: str | None) -> list[str]:
    """List the names in `AIRLOCK_PLUGINS` that nothing installed has: typing errors, maybe."""
    words = [word.strip().removeprefix("no:") for word in (choice or "").split(",")]
    return [word for word in words if word and word not in names]


def required() -> tuple[str, ...]:
    """Read `AIRLOCK_REQUIRE`."""
    words = os.environ.get("AIRLOCK_REQUIRE", "").split(",")
    return tuple(word.strip() for word in words if word.strip())


def choice() -> str | None:
    """Read `AIRLOCK_PLUGINS`; None where it is not set."""
    return os.environ.get("AIRLOCK_PLUGINS")
