#!/bin/sh
# oldest.sh [PYTEST ARGUMENTS]
#
# Runs the tests that use Celery with the oldest Celery that airlock-celery is for, in an environment
# of its own: .matrix/oldest. Its versions are those of constraints.txt, but where
# constraints-oldest.txt has a line for a package, that line takes the place of the others.
set -eu
cd "$(dirname "$0")/.."

environment=.matrix/oldest
constraints=.matrix/constraints-oldest.txt

mkdir -p .matrix
awk '
    !/^[A-Za-z0-9]/ { next }
    { name = tolower($1); sub(/[^a-z0-9._-].*/, "", name); gsub(/[._-]+/, "-", name) }
    FILENAME == ARGV[1] { oldest[name]; print; next }
    !(name in oldest)
' constraints-oldest.txt constraints.txt >"$constraints"

CONSTRAINTS=$constraints sh scripts/venv.sh "$environment"
exec "$environment/bin/pytest" "$@" tests/celery tests/examples/test_shop.py
