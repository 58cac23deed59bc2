#!/usr/bin/env bash
# scripts/propose-entry.sh FILES BRANCH: commits the one new entry that lies in FILES on a new BRANCH of this checkout. FILES
# come from the runner, which is believed no more than a stranger: the rules for pull requests are held before anything leaves.
set -euo pipefail
cd "$(dirname "$0")/.."
usage="usage: scripts/propose-entry.sh FILES BRANCH"
files=${1:?$usage} branch=${2:?$usage}
base=$(git rev-parse HEAD)

git switch --quiet --create "$branch"
cp -R --no-dereference --no-clobber -- "$files/submissions/." submissions/
git add -- submissions
git commit --quiet --message "Enter what the runner measured"
scripts/submission-policy.sh . "$base" HEAD
