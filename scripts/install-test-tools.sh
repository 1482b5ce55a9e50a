#!/bin/sh
# Installs the real proxies that the tests start (nginx, Caddy, HAProxy) where apt
# and root are there. It may be run any number of times and does nothing when all of
# them are found. Elsewhere it says what is missing and leaves the rest to the tests:
# they skip a missing proxy with its reason, and fail when CI is set.
set -eu

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
missing=
for tool in nginx caddy haproxy; do
	command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1 || [ "$(id -u)" != 0 ]; then
	echo "not installed:$missing. Tests that need them are skipped; on Debian or Ubuntu: sudo apt-get install$missing" >&2
	exit 0
fi

# The packages would start their services; tests start their own on free ports.
guard=
if [ ! -e /usr/sbin/policy-rc.d ]; then
	guard=/usr/sbin/policy-rc.d
	printf '#!/bin/sh\nexit 101\n' >"$guard"
	chmod 755 "$guard"
	trap 'rm -f "$guard"' EXIT INT TERM
fi

export DEBIAN_FRONTEND=noninteractive
packages=$(echo "$missing" | sed 's/nginx/nginx-light/')
log=$(mktemp)
# shellcheck disable=SC2086 # one word per package
if { apt-get update -q && apt-get install -y -q --no-install-recommends $packages; } >"$log" 2>&1; then
	echo "installed:$packages"
else
	tail -n 20 "$log" >&2
	echo "could not install:$packages" >&2
fi
rm -f "$log"
