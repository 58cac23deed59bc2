#!/usr/bin/env bash
# The program without its trainer and without libtorch does everything but train, and says what is missing.
set -euo pipefail
# Alone, without the trainer that lies next to it.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp "$1" "$folder/hlb-bench"
program=$folder/hlb-bench
if ldd "$program" | grep -q torch; then
  echo "error: hlb-bench is linked with libtorch" >&2
  exit 1
fi
"$program" data verify shapes >/dev/null
"$program" recipe show hlb-shapes >/dev/null 2>&1
if "$program" run --sessions "$folder/sessions" >"$folder/out" 2>&1; then
  echo "error: a build without libtorch trained" >&2
  exit 1
fi
grep -q "hlb-bench-trainer" "$folder/out" && grep -q "make build" "$folder/out" ||
  { echo "error: the message does not say what is missing and how to get it:" >&2; cat "$folder/out" >&2; exit 1; }
