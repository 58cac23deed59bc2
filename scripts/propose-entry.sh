#!/usr/bin/env bash
# scripts/propose-entry.sh FILES BRANCH: commits the one new entry in FILES on a new BRANCH of this
# checkout. FILES come from the runner, which is trusted no more than anybody else: which files it may
# bring is checked here, before the push; what they do to the board, by the job before this one.
set -euo pipefail
cd "$(dirname "$0")/.."
usage="usage: scripts/propose-entry.sh FILES BRANCH"
files=${1:?$usage} branch=${2:?$usage}
base=$(git rev-parse HEAD)

git switch --quiet --create "$branch"
cp -R --no-dereference --no-clobber -- "$files/submissions/." submissions/
git add -- submissions
git commit --quiet --message "Add an entry measured by the runner"
scripts/submission-policy.sh . "$base" HEAD
