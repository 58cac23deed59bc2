#!/usr/bin/env bash
# Submits on the built-in track, on the CPU, with a temporary key, verifies the entry and builds the page, in
# scratch/demo/.
set -euo pipefail
cd "$(dirname "$0")/.."
program=target/release/hlb-bench
folder=scratch/demo
rm -rf "$folder"
mkdir -p "$folder"

"$program" keygen "$folder/key" --comment "temporary key of the demo" >/dev/null
"$program" submit variants/quick-start.yaml --runs 3 --device cpu --key "$folder/key" --principal demo@localhost \
  --submissions "$folder/submissions" --sessions "$folder/sessions" --site "$folder/site" >/dev/null
echo
"$program" verify "$folder/submissions"
echo "The page: file://$PWD/$folder/site/index.html"
