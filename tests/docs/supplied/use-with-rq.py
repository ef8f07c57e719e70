"""A private Redis for the page, and no worker."""

import atexit
import os
import sys
from pathlib import Path

sys.path.append(str(Path(page).parents[2] / "tests" / "support"))  # noqa: F821  (run_page has it)

import servers

server = servers.Redis().start()
atexit.register(server.stop)
os.environ["RQ_REDIS_URL"] = server.url
