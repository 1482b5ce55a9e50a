#!/bin/sh
# Looks for known vulnerabilities that this module's code reaches. The database is
# built from the Go vulnerability reports' own module, so that only a module proxy
# is needed. Exits 0 with a line that says so where even that cannot be had.
set -eu
module=golang.org/x/vulndb
if ! version=$(go list -m -f '{{.Version}}' $module@latest 2>/dev/null); then
	echo "skipped: the module proxy has no $module for us"
	exit 0
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# Outside this module: the reports are not one of its dependencies.
reports=$(cd "$dir" && go mod download -json "$module@$version" | sed -n 's/^[[:space:]]*"Dir": "\(.*\)",*$/\1/p')
(cd "$dir" && go run "$module/cmd/indexdb@$version" -vulns "$reports/data/osv" -out "$dir/db")
echo "known vulnerabilities as of $version"
status=0
go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 -db "file://$dir/db" ./... >"$dir/report" 2>&1 || status=$?
cat "$dir/report"
[ "$status" = 0 ] && exit 0
grep -q '^Vulnerability #' "$dir/report" || exit "$status"

# What can be mended here fails: a module with a fixed version. A fix in Go itself
# (…@go1.x) comes with the toolchain, and one that does not exist yet is only shown.
if grep 'Fixed in:' "$dir/report" | grep -v -e '@go[0-9]' -e 'N/A'; then
	echo "upgrade the modules above"
	exit 1
fi
echo "nothing to upgrade in go.mod: what is listed waits for a newer Go or for a fix"
