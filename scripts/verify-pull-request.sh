#!/usr/bin/env bash
# scripts/verify-pull-request.sh PROGRAM REPOSITORY AUTHOR: checks the pull request of the account
# AUTHOR that is checked out in REPOSITORY as GitHub's merge commit, whose first parent is the base,
# with a PROGRAM that was built from the base. Prints the job summary.
#
# The tree is untrusted: git and PROGRAM read it, and nothing of it is run.
set -euo pipefail
usage="usage: scripts/verify-pull-request.sh PROGRAM REPOSITORY AUTHOR"
program=$(realpath "${1:?$usage}") repository=$(realpath "${2:?$usage}") author=${3:?$usage}
here=$(cd "$(dirname "$0")" && pwd)
good=0

echo "## Changed files"
echo
"$here/submission-policy.sh" "$repository" "HEAD^1" HEAD || good=1

# The submissions of the base, by its own attributes.
cd "$repository"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
git archive "HEAD^1" submissions | tar -x -C "$scratch"

echo
echo "## Signers, entries of others, and every entry"
echo
"$program" verify --base "$scratch/submissions" --author="$author" --markdown submissions || good=1

# The board rejects what no single entry shows, such as a session that was submitted twice.
echo
echo "## Board"
echo
if "$program" leaderboard --out "$scratch/site" >/dev/null; then
  echo "The board accepts every entry."
else
  echo "The board rejects an entry; the log of this job says which, and why."
  good=1
fi
exit "$good"
