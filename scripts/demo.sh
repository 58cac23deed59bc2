#!/usr/bin/env bash
# In a scratch folder: make a throw-away key, submit a variant on the built-in track, verify it, print the page's address.
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
