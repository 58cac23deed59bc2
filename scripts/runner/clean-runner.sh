#!/usr/bin/env bash
# scripts/runner/clean-runner.sh HOME PRISTINE: replaces the runner's HOME by a copy of PRISTINE, so
# that a job finds nothing of the one before. Run by root before each job. HOME is emptied, so its
# name must contain `runner` and it must not be a link.
set -euo pipefail
usage="usage: clean-runner.sh HOME PRISTINE"
home=${1:?$usage} pristine=${2:?$usage}
case ${home##*/} in
  *runner*) ;;
  *) echo "error: the name of \`$home\` does not contain \`runner\`; nothing was removed" >&2; exit 2 ;;
esac
if [ -L "$home" ] || [ ! -d "$home" ]; then echo "error: \`$home\` is not a folder; make it first" >&2; exit 2; fi
if [ ! -x "$pristine/run.sh" ]; then echo "error: \`$pristine\` has no \`run.sh\`; unpack the runner there" >&2; exit 2; fi
owner=$(stat -c %u:%g "$home")
find "$home" -xdev -mindepth 1 -delete
cp -a "$pristine/." "$home/"
chown -R "$owner" "$home"
# Shared memory outlives its processes. It is removed only where the runner has a user of its own.
[ "${owner%%:*}" = "$(id -u)" ] ||
  find /dev/shm -xdev -mindepth 1 -user "${owner%%:*}" -delete 2>/dev/null || true
