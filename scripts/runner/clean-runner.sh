#!/usr/bin/env bash
# scripts/runner/clean-runner.sh HOME PRISTINE: gives the runner a new HOME, a copy of PRISTINE, so that a job finds nothing of
# the one before. Run by root before each job; HOME is emptied, so it must be named as a runner's and must not be a link.
set -euo pipefail
usage="usage: clean-runner.sh HOME PRISTINE"
home=${1:?$usage} pristine=${2:?$usage}
case ${home##*/} in
  *runner*) ;;
  *) echo "error: $home is not named as a runner's home; nothing was removed" >&2; exit 2 ;;
esac
if [ -L "$home" ] || [ ! -d "$home" ]; then echo "error: $home is no folder; make it first" >&2; exit 2; fi
if [ ! -x "$pristine/run.sh" ]; then echo "error: $pristine holds no run.sh; unpack the runner there" >&2; exit 2; fi
owner=$(stat -c %u:%g "$home")
find "$home" -xdev -mindepth 1 -delete
cp -a "$pristine/." "$home/"
chown -R "$owner" "$home"
# Shared memory of processes outlives them. Only a user who runs nothing but jobs is tidied after, never whoever runs this.
[ "${owner%%:*}" = "$(id -u)" ] ||
  find /dev/shm -xdev -mindepth 1 -user "${owner%%:*}" -delete 2>/dev/null || true
