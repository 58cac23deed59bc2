#!/usr/bin/env bash
# scripts/verify-pull-request.sh PROGRAM REPOSITORY: checks the pull request that is checked out in REPOSITORY as GitHub's
# merge commit, whose first parent is the base, with a PROGRAM that was built from the base. Prints the job summary.
#
# The tree is a stranger's. It is read, by git and by PROGRAM; nothing of it is run.
set -euo pipefail
usage="usage: scripts/verify-pull-request.sh PROGRAM REPOSITORY"
program=$(realpath "${1:?$usage}") repository=$(realpath "${2:?$usage}")
here=$(cd "$(dirname "$0")" && pwd)
good=0

echo "## What the pull request touches"
echo
"$here/submission-policy.sh" "$repository" "HEAD^1" HEAD || good=1

cd "$repository"
echo
echo "## What the entries are"
echo
"$program" verify --markdown submissions || good=1

# A board refuses what no entry shows by itself, such as a session that is there twice.
site=$(mktemp -d)
trap 'rm -rf "$site"' EXIT
echo
echo "## What the board makes of them"
echo
if "$program" leaderboard --out "$site" >/dev/null; then
  echo "The board takes every entry."
else
  echo "The board rejects an entry; the log of this job says which, and why."
  good=1
fi
exit "$good"
