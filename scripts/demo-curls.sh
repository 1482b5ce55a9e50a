#!/bin/sh
# Prints curl lines that ask a demo server (see `make run`) the way nginx does.
set -eu
data=$1
address=${GATEHOUSE_LISTEN:-127.0.0.1:9700}
ask() { # title, curl arguments before the URL
	printf '\n  # %s\n  curl -i -H "X-Original-Method: %s" -H "X-Original-URL: https://app.example.org%s"%s http://%s/auth/nginx\n' "$1" "$2" "$3" "$4" "$address"
}
bearer() { printf ' -H "Authorization: Bearer $(./bin/gatehouse token --data %s --account %s)"' "$data" "$1"; }

echo
echo "Once the line \"serving\" is there, paste these into another terminal:"
ask "vic may view notebooks of namespace lab: 200" GET /notebook/lab/demo/lab "$(bearer vic)"
ask "nobody is signed in: 401" GET /notebook/lab/demo/lab ""
ask "vic may not write: 403" POST /notebook/lab/demo/api/contents "$(bearer vic)"
echo
