"""How much the benchmarks do. Each of these is an environment variable."""

from __future__ import annotations

import os

#: How many messages leave together.
SIZE = int(os.environ.get("BENCH_SIZE", "1000"))

#: How often everything is measured; the ways that are compared take turns.
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))

#: How many seconds the answers of the slow link come later.
LINK = float(os.environ.get("BENCH_LINK_MS", "1")) / 1000
