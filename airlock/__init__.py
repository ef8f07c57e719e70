"""airlock: side effects leave only when the work that asked for them has succeeded."""

from airlock_core import *  # noqa: F403
from airlock_core import __all__, __version__

__all__ = [*__all__, "__version__"]
