#!/usr/bin/env bash
# scripts/verify-pull-request.sh PROGRAM REPOSITORY: checks the pull request that is checked out in
# REPOSITORY as GitHub's merge commit, whose first parent is the base, with a PROGRAM that was built
# from the base. Prints the job summary.
#
# The tree is untrusted: git and PROGRAM read it, and nothing of it is run.
set -euo pipefail
usage="usage: scripts/verify-pull-request.sh PROGRAM REPOSITORY"
program=$(realpath "${1:?$usage}") repository=$(realpath "${2:?$usage}")
here=$(cd "$(dirname "$0")" && pwd)
good=0

echo "## Changed files"
echo
"$here/submission-policy.sh" "$repository" "HEAD^1" HEAD || good=1

cd "$repository"
echo
echo "## Entries"
echo
"$program" verify --markdown submissions || good=1

# The board rejects what no single entry shows, such as a session that was submitted twice.
site=$(mktemp -d)
trap 'rm -rf "$site"' EXIT
echo
echo "## Board"
echo
if "$program" leaderboard --out "$site" >/dev/null; then
  echo "The board accepts every entry."
else
  echo "The board rejects an entry; the log of this job says which, and why."
  good=1
fi
exit "$good"
