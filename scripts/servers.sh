#!/bin/sh
# servers.sh [PACKAGE...]
#
# Makes sure that the programs of Redis, PostgreSQL, RabbitMQ and Chromium are on this machine, or
# those of the packages that are named: the tests start their own from them, on free ports and in
# temporary directories. What is missing is installed where that is possible (Debian or Ubuntu, as
# root), and otherwise named.
set -eu

is_there() {
    case $1 in
        postgresql) command -v initdb || ls /usr/lib/postgresql/*/bin/initdb ;;
        # Debian's one on PATH is for root alone, and the tests use the one behind it.
        rabbitmq-server) [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || command -v "$1" ;;
        *) command -v "$1" ;;
    esac >/dev/null 2>&1
}

[ $# -gt 0 ] || set -- redis-server postgresql rabbitmq-server chromium
missing=
for package; do
    is_there "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "Programs are missing that are started for this, on free ports. On Debian and Ubuntu:" >&2
    echo "    sudo apt-get install --no-install-recommends$missing" >&2
    exit 1
fi

echo "installing$missing"
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
