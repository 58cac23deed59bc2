#!/usr/bin/env bash
# scripts/fuzz.sh [SECONDS]: runs every fuzz target that long (10 by default), as many at once as
# there are cores. cargo-fuzz needs unstable flags, which RUSTC_BOOTSTRAP allows with the pinned
# compiler. No sanitizer: it doubles the build, and the only `unsafe` code that a target reaches calls
# libjpeg, whose C code it would not watch. Crashes and the corpus stay in .cache/fuzz/; a later run
# continues with them.
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

# The versions of the product rather than the newest ones; cargo adds what only the targets need.
cp Cargo.lock fuzz/Cargo.lock
env -u LIBTORCH RUSTC_BOOTSTRAP=1 PATH="$tools/bin:$PATH" \
  cargo fuzz build --sanitizer none --codegen-units 4 --target-dir target/fuzz
host=$(rustc -vV | sed -n 's/^host: //p')
export programs=$PWD/target/fuzz/$host/release found=$PWD/.cache/fuzz

# One target makes a folder for every input: ten times as many in memory as on a disk.
if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi

# fuzz NAME: if the target crashes, hangs or takes too much memory, fails, shows the end of the log
# and says how to repeat it.
fuzz() {
  local corpus=$found/corpus/$1 crashes=$found/crashes/$1 log=$found/$1.log seeds=()
  mkdir -p "$corpus" "$crashes"
  if [ -d "fuzz/seeds/$1" ]; then seeds=("fuzz/seeds/$1"); fi
  if "$programs/$1" "$corpus" "${seeds[@]}" -artifact_prefix="$crashes/" -max_total_time="$budget" \
    -max_len=16384 -timeout=10 -rss_limit_mb=1024 >"$log" 2>&1; then
    echo "fuzz: $1: $(grep '^Done' "$log")"
  else
    tail -n 40 "$log" >&2
    echo "error: fuzz target $1 failed; the input is in .cache/fuzz/crashes/$1/; to repeat it: $programs/$1 INPUT" >&2
    return 1
  fi
}
export -f fuzz

targets=(fuzz/fuzz_targets/*.rs)
printf '%s\n' "${targets[@]}" | sed 's|.*/||; s|\.rs$||' | xargs -P "$(nproc)" -I{} bash -euo pipefail -c 'fuzz "$1"' fuzz {}
