#!/bin/sh
# Formatting and strict check of the default policies with OPA's own commands. The
# schemas are checked against in the layout that authors get from `policy init`: in
# this repository they lie beside Go files, which OPA's loader would read too.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
opa=$(go tool -n opa)
"$opa" fmt --fail --list policies
go run ./cmd/gatehouse policy init "$dir/overlay" >/dev/null
cd "$dir/overlay"
"$opa" check --strict --ignore '.*' --capabilities .gatehouse/capabilities.json \
	--schema .gatehouse/schemas .gatehouse/policies .gatehouse/stubs .
"$opa" test --ignore '.*' .gatehouse/policies .
