#!/bin/sh
# servers.sh
#
# Makes sure that the programs of Redis, PostgreSQL, RabbitMQ and Chromium are on this machine: the
# tests start their own from them, on free ports and in temporary directories. What is missing is
# installed where that is possible (Debian or Ubuntu, as root), and otherwise named.
set -eu

missing=
command -v redis-server >/dev/null || missing="redis-server"
if ! command -v initdb >/dev/null && ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
    missing="$missing postgresql"
fi
# Debian's one on PATH is for root alone, and the tests use the one behind it.
if [ ! -x /usr/lib/rabbitmq/bin/rabbitmq-server ] && ! command -v rabbitmq-server >/dev/null; then
    missing="$missing rabbitmq-server"
fi
command -v chromium >/dev/null || missing="$missing chromium"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "The tests start servers and a browser, and their programs are missing. On Debian and Ubuntu:" >&2
    echo "    sudo apt-get install --no-install-recommends" $missing >&2
    exit 1
fi

echo "installing" $missing
# The machine's own servers are no business of the tests: this answer of 101 keeps the packages
# from starting them.
veto=/usr/sbin/policy-rc.d
if [ ! -e "$veto" ]; then
    trap 'rm -f "$veto"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$veto"
    chmod 755 "$veto"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet --quiet
# shellcheck disable=SC2086  # a list of packages
apt-get install --quiet --quiet --yes --no-install-recommends $missing </dev/null >/dev/null
