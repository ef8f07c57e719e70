#!/bin/sh
# matrix.sh [PYTEST ARGUMENTS]
#
# Runs the suite on each later Python that is on this machine, each in an environment of its own
# under .matrix/. constraints.txt gives each its Django.
set -eu
cd "$(dirname "$0")/.."

is_version() {
    "$2" -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != sys.argv[1])' "$1" >/dev/null 2>&1
}

find_version() {
    if is_version "$1" "python$1"; then
        echo "python$1"
    elif command -v pyenv >/dev/null; then
        for candidate in "$(pyenv root)"/versions/"$1".*/bin/python; do
            if is_version "$1" "$candidate"; then
                echo "$candidate"
                return
            fi
        done
    fi
}

found=
failed=
for version in 3.12 3.13; do
    python=$(find_version "$version")
    if [ -z "$python" ]; then
        echo "== Python $version: not on this machine"
        continue
    fi
    found="$found $version"
    echo "== Python $version: $python"
    environment=.matrix/$version
    if ! PYTHON=$python sh scripts/venv.sh "$environment" || ! "$environment/bin/pytest" "$@"; then
        failed="$failed $version"
    fi
done

if [ -z "$found" ]; then
    echo "No later Python was found: nothing was tried."
elif [ -n "$failed" ]; then
    echo "Failed on Python:$failed" >&2
    exit 1
else
    echo "Passed on Python:$found"
fi
