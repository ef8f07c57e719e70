#!/bin/sh
# venv.sh [DIR]
#
# Makes a virtual environment in DIR (.venv), or completes the one that is there: the core and every
# plugin, editable, and the tools of requirements-dev.txt, at the versions of constraints.txt.
# CONSTRAINTS names another file than that. PYTHON chooses the interpreter; otherwise it is the first
# of 3.11 or later that runs.
set -eu
cd "$(dirname "$0")/.."
dir=${1:-.venv}
constraints=${CONSTRAINTS:-constraints.txt}

is_recent() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

has_pip() {
    "$dir/bin/python" -m pip --version >/dev/null 2>&1
}

find_python() {
    for candidate in ${PYTHON:-python3.11 python3 python3.12 python3.13 python3.14}; do
        if is_recent "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    echo "${PYTHON:-python3} is not a Python that runs and is 3.11 or later." >&2
    echo "Install one, or name it: make PYTHON=/path/to/python3.11" >&2
    return 1
}

make_environment() {
    python=$(find_python)
    rm -rf "$dir"
    if "$python" -m venv "$dir" >/dev/null 2>&1 && has_pip; then
        return
    fi
    # Debian keeps ensurepip in a package of its own. The interpreter's own pip can fill the
    # environment from outside, and leaves the machine as it is.
    rm -rf "$dir"
    if "$python" -m venv --without-pip "$dir" &&
        "$python" -m pip --python "$dir/bin/python" install --quiet --constraint "$constraints" pip &&
        has_pip; then
        return
    fi
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "$python can make no virtual environment: installing $package."
        export DEBIAN_FRONTEND=noninteractive
        apt-get update --quiet --quiet
        apt-get install --quiet --quiet --yes --no-install-recommends "$package" </dev/null >/dev/null
        rm -rf "$dir"
        if "$python" -m venv "$dir" && has_pip; then
            return
        fi
    fi
    rm -rf "$dir"
    echo "$python can make no virtual environment, for want of pip. On Debian and Ubuntu:" >&2
    echo "    sudo apt-get install $package" >&2
    return 1
}

if ! is_recent "$dir/bin/python" || ! has_pip; then
    make_environment
fi

pip_install() {
    "$dir/bin/python" -m pip --disable-pip-version-check install --quiet \
        --constraint "$constraints" "$@"
}

# The build tools first: with them here, the editable installs fetch no build environment of their own.
pip_install pip hatchling editables
set -- --editable .
for project in plugins/*/pyproject.toml; do
    set -- "$@" --editable "$(dirname "$project")"
done
pip_install --no-build-isolation --requirement requirements-dev.txt "$@"
echo "$dir is ready: $("$dir/bin/python" --version)"
