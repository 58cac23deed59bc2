#!/usr/bin/env bash
# The main job in a scratch folder: a throw-away key, a submission on the built-in track, its verification, the page.
set -euo pipefail
cd "$(dirname "$0")/.."
program=target/release/hlb-bench
folder=scratch/demo
rm -rf "$folder"
mkdir -p "$folder"

"$program" keygen "$folder/key" --comment "throw-away key of the demo" >/dev/null
"$program" submit variants/quick-start.yaml --runs 3 --key "$folder/key" --principal demo@localhost \
  --submissions "$folder/submissions" --sessions "$folder/sessions" --site "$folder/site" >/dev/null
echo
"$program" verify "$folder/submissions"
echo "The page: file://$PWD/$folder/site/index.html"
