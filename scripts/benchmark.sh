#!/usr/bin/env bash
# scripts/benchmark.sh COMMAND SUBJECT OUT: runs one session on the runner. COMMAND is `submit` with
# a variant of this checkout, or `reproduce` with an entry. New files under `submissions/` are
# copied to OUT, which must not exist.
#
# HLB_BENCH_RUNNER_KEY names the runner's private key, outside this checkout; its public half is
# listed beforehand in `submissions/allowed_signers`. RUNS is the number of runs of `submit`; DEVICE is
# `cuda` unless it says `cpu`, so that a runner whose GPU cannot be used fails.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/.."
fail() { echo "error: $1" >&2; exit 2; }
usage="usage: scripts/benchmark.sh submit|reproduce SUBJECT OUT"
command=${1:?$usage} subject=${2:?$usage} out=${3:?$usage}
program=${HLB_BENCH:-target/release/hlb-bench} device=${DEVICE:-cuda}

# All three are typed by hand into a form.
word='[a-z0-9]+(-[a-z0-9]+)*'
case $command in
  submit) wanted="^variants/$word\.yaml$" example=variants/quick-start.yaml ;;
  reproduce) wanted="^submissions/$word/[0-9]{4}-[0-9]{2}-[0-9]{2}-$word$" example=submissions/shapes/2026-11-23-reference ;;
  *) fail "\`$command\` is neither \`submit\` nor \`reproduce\`" ;;
esac
[[ $subject =~ $wanted ]] || fail "\`$subject\` is not what \`$command\` takes; give one like \`$example\`"
[[ $device =~ ^(cuda|cpu)$ ]] || fail "\`$device\` is not a device; give \`cuda\` or \`cpu\`"
[[ ${RUNS:-10} =~ ^[1-9][0-9]{0,2}$ ]] || fail "\`$RUNS\` is not a number of runs; give one from 1 to 500"
git ls-files --error-unmatch -- "$subject" >/dev/null 2>&1 || fail "\`$subject\` is not committed; merge it first"
[ -z "$(git status --porcelain -- submissions variants)" ] || fail "\`submissions/\` or \`variants/\` differ from the commit; start from a clean checkout"
[ ! -e "$out" ] || fail "\`$out\` exists already; remove it"

key=$(realpath -e -- "${HLB_BENCH_RUNNER_KEY:?set it to the file of the private key of this runner}")
case $key in "$PWD"/*) fail "the key lies in the checkout, where a job can upload it; move it elsewhere" ;; esac

# Exit code 1 says that a run missed the target, and its entry is written all the same; 2 is an
# error.
status=0
if [ "$command" = submit ]; then
  "$program" submit "$subject" --as-runner --device "$device" --runs "${RUNS:-10}" --key "$key" || status=$?
else
  "$program" reproduce "$subject" --device "$device" --key "$key" || status=$?
fi
[ "$status" -le 1 ] || exit "$status"

git ls-files -z --others --exclude-standard -- submissions | while IFS= read -r -d '' file; do
  install -D -m 644 -- "$file" "$out/$file"
done
[ -d "$out" ] || fail "the session wrote no entry"
