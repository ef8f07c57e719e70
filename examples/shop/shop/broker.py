"""The broker for Celery: a folder in which each message is a file. It needs no server.

It is kombu's filesystem transport but for one method. Kombu opens a message's file under its final
name and then fills it, so a worker that looks in between takes an empty message; and the names
of two messages of the same millisecond sort by chance.
"""

import json
import time
import uuid
from pathlib import Path
from typing import Any

from kombu.transport import filesystem


class Channel(filesystem.Channel):
    """Puts whole messages into the folder, in the order in which they are sent."""

    def _put(self, queue: Any, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]
        final = Path(self.data_folder_out) / f"{time.monotonic_ns():020}_{uuid.uuid4()}.{queue}.msg"
        written = final.with_suffix(".part")
        written.write_text(json.dumps(payload))
        written.rename(final)


class Transport(filesystem.Transport):
    """Used by its path: `broker_transport="shop.broker:Transport"`."""

    Channel = Channel
