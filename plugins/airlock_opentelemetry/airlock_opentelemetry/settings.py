"""What the application may choose."""

from __future__ import annotations

from dataclasses import dataclass, replace

from airlock import ConfigurationError


@dataclass(frozen=True)
class Settings:
    """The settings in force.

    Attributes:
        use_span_links: whether a job's span begins a trace of its own, which has a link to the
            request's, instead of being the child of the request's.
    """

    use_span_links: bool = False


current = Settings()


def configure(*, use_span_links: bool) -> None:
    """Set what is to be other than by default, where the worker starts.

    Args:
        use_span_links: as in `Settings`.

    Raises:
        ConfigurationError: a value that cannot serve.
    """
    global current
    if not isinstance(use_span_links, bool):
        raise ConfigurationError(f"use_span_links={use_span_links!r} must be True or False.")
    current = replace(current, use_span_links=use_span_links)
