#!/usr/bin/env bash
# Measures the built agent; see doc.go. Flags go to the program: -idle 5s for a quick look, -json.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ -x bin/device ] || make build
go build -o bin/measure ./tests/measure
exec bin/measure -device bin/device "$@"
