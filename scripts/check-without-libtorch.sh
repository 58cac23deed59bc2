#!/usr/bin/env bash
# A program built without libtorch does everything but train, and says what is missing.
set -euo pipefail
program=$1
"$program" data verify shapes >/dev/null
"$program" recipe show hlb-shapes >/dev/null 2>&1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if "$program" run --sessions "$folder" >"$folder/out" 2>&1; then
  echo "error: a build without libtorch trained" >&2
  exit 1
fi
grep -q "hlb-bench-trainer" "$folder/out" && grep -q "make build" "$folder/out" ||
  { echo "error: the message does not say what is missing and how to get it:" >&2; cat "$folder/out" >&2; exit 1; }
