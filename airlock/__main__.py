"""`python -m airlock`: the same as the command `airlock`."""

from airlock_core.cli import main

raise SystemExit(main())
