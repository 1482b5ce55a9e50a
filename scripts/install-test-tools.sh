#!/bin/sh
# Installs the real programs that the tests start where apt and root are there: proxies
# (nginx, Caddy, HAProxy), a browser, curl, jq, and Node.js for what comes from npm. It may
# be run any number of times and does nothing when all of them are found. Elsewhere it
# says what is missing and leaves the rest to the tests: they skip a missing program with
# its reason, and fail when CI is set.
set -eu

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# there says whether a program is found, under any of its names.
there() {
	command -v "$1" >/dev/null 2>&1 && return 0
	[ "$1" = chromium ] && { there chromium-browser || there google-chrome; }
}

# missing prints the programs that are not there.
missing() {
	for tool in nginx caddy haproxy chromium curl jq node npm; do
		there "$tool" || printf ' %s' "$tool"
	done
}

# package prints Debian's name for a program.
package() {
	case $1 in
	nginx) echo nginx-light ;;
	node) echo nodejs ;;
	*) echo "$1" ;;
	esac
}

wanted=$(missing)
[ -n "$wanted" ] || exit 0

packages=
for tool in $wanted; do
	packages="$packages $(package "$tool")"
done
if ! command -v apt-get >/dev/null 2>&1 || [ "$(id -u)" != 0 ]; then
	echo "missing:$wanted. Tests that need them are skipped; on Debian or Ubuntu: sudo apt-get install$packages" >&2
	exit 0
fi
echo "installing$packages with apt-get, for the tests that start real programs; no service is started" >&2

guard=
log=$(mktemp)
cleanup() {
	rm -f "$log"
	[ -z "$guard" ] || rm -f "$guard"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The packages would start their services; tests start their own on free ports.
if [ ! -e /usr/sbin/policy-rc.d ]; then
	guard=/usr/sbin/policy-rc.d
	printf '#!/bin/sh\nexit 101\n' >"$guard"
	chmod 755 "$guard"
fi

# quietly runs a command and shows the end of what it printed only when it fails.
quietly() {
	"$@" >"$log" 2>&1 || {
		tail -n 20 "$log" >&2
		return 1
	}
}

# One by one: a package that this release does not have leaves the others alone, and
# an old package list is better than none.
export DEBIAN_FRONTEND=noninteractive
quietly apt-get update -q || true
for tool in $wanted; do
	quietly apt-get install -y -q --no-install-recommends "$(package "$tool")" || true
done

left=$(missing)
[ -z "$left" ] || echo "still missing:$left. Tests that need them are skipped, or fail where CI is set" >&2
