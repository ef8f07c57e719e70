"""The sample plugins are imported from where they are: the tests do not install them."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from airlock_core.configuration import (
    get_configuration,
    reset_configuration,
    restore_configuration,
)

for sample in (Path(__file__).parents[2] / "examples" / "plugins").iterdir():
    sys.path.append(str(sample))


@pytest.fixture(autouse=True)
def _as_without_django() -> Iterator[None]:
    """The defaults of the library, also where another test of this process has set up Django."""
    before = get_configuration()
    reset_configuration()
    yield
    restore_configuration(before)
