#!/usr/bin/env bash
# scripts/fuzz.sh [SECONDS]: runs every fuzz target that long (10 by default), as many at once as there are cores.
# Works with the pinned compiler: cargo-fuzz wants flags that are unstable, and RUSTC_BOOTSTRAP lets them pass. No
# sanitizer: it doubles the build, and the library forbids `unsafe` but for one memory map that no target reaches.
# Findings and what was learnt so far stay in .cache/fuzz/; a longer run goes on from there.
set -euo pipefail
cd "$(dirname "$0")/.."
export budget=${1:-10}
[[ $budget =~ ^[1-9][0-9]*$ ]] || { echo "usage: scripts/fuzz.sh [SECONDS]" >&2; exit 2; }

version=0.13.2
tools=$PWD/.cache/cargo-fuzz-$version
if [ ! -x "$tools/bin/cargo-fuzz" ]; then
  echo "fuzz: installing cargo-fuzz $version into .cache/ (once)" >&2
  cargo install cargo-fuzz --version "$version" --locked --debug --quiet --root "$tools" --target-dir "$tools/target"
  rm -rf "$tools/target"
fi

# The versions of the product, and not the newest ones: cargo adds what only the targets need.
cp Cargo.lock fuzz/Cargo.lock
env -u LIBTORCH RUSTC_BOOTSTRAP=1 PATH="$tools/bin:$PATH" \
  cargo fuzz build --sanitizer none --codegen-units 4 --target-dir target/fuzz
host=$(rustc -vV | sed -n 's/^host: //p')
export programs=$PWD/target/fuzz/$host/release found=$PWD/.cache/fuzz

# One target makes a folder for every input: ten times as many in memory as on a disk.
if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi

# fuzz NAME: fails, shows the end of the log and says how to see it again if the target crashes, hangs or eats memory.
fuzz() {
  local corpus=$found/corpus/$1 crashes=$found/crashes/$1 log=$found/$1.log seeds=()
  mkdir -p "$corpus" "$crashes"
  if [ -d "fuzz/seeds/$1" ]; then seeds=("fuzz/seeds/$1"); fi
  if "$programs/$1" "$corpus" "${seeds[@]}" -artifact_prefix="$crashes/" -max_total_time="$budget" \
    -max_len=16384 -timeout=10 -rss_limit_mb=1024 >"$log" 2>&1; then
    echo "fuzz: $1: $(grep '^Done' "$log")"
  else
    tail -n 40 "$log" >&2
    echo "error: fuzz target $1 failed; the input is in .cache/fuzz/crashes/$1/, to see it again: $programs/$1 INPUT" >&2
    return 1
  fi
}
export -f fuzz

targets=(fuzz/fuzz_targets/*.rs)
printf '%s\n' "${targets[@]}" | sed 's|.*/||; s|\.rs$||' | xargs -P "$(nproc)" -I{} bash -euo pipefail -c 'fuzz "$1"' fuzz {}
