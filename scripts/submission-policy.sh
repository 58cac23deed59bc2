#!/usr/bin/env bash
# scripts/submission-policy.sh REPOSITORY BASE HEAD: whether the pull request from BASE to HEAD may
# be merged as a submission. It may add one entry, `submissions/<track>/<entry>/`, one announcement,
# `submissions/<track>/announcements/<name>/`, or one reproduction,
# `.../<entry>/reproductions/<name>/`, and may change `submissions/allowed_signers` in a
# way that `hlb-bench verify --base` judges.
#
# Prints Markdown. Exit codes: 0 it may, or `submissions/` is not touched; 1 it may not; 2 error.
# HEAD is untrusted: nothing of it is run or checked out, and of its names only letters, digits and
# `._/-` are printed.
set -euo pipefail
export LC_ALL=C
usage="usage: scripts/submission-policy.sh REPOSITORY BASE HEAD"
repository=${1:?$usage} base=${2:?$usage} head=${3:?$usage}

git_() { git -C "$repository" -c core.quotePath=true "$@"; }
for revision in "$base" "$head"; do
  git_ rev-parse --quiet --verify "$revision^{commit}" >/dev/null ||
    { echo "error: there is no commit \`$revision\` in \`$repository\`; fetch it" >&2; exit 2; }
done

signers=submissions/allowed_signers
word='[a-z0-9]+(-[a-z0-9]+)*'
entry="submissions/$word/(announcements/)?[0-9]{4}-[0-9]{2}-[0-9]{2}-$word"
file='[a-z]+(\.[a-z]+)+'
problems=() folders=() total=0 below=0 listed=no

shown() { printf '%s' "${1:0:200}" | tr -c 'A-Za-z0-9._/-' '?'; }
problem() { problems+=("\`$(shown "$1")\` $2"); }

# check STATUS MODE PATH
check() {
  total=$((total + 1))
  case $3 in submissions/*) below=$((below + 1)) ;; *) return ;; esac
  if [ "$2" != 100644 ] && [ "$1" != D ]; then problem "$3" "is not a plain file (mode $2)"; return; fi
  if [ "$3" = "$signers" ]; then listed=yes; return; fi
  if [ "$1" != A ]; then problem "$3" "existed before; nothing in an entry may be changed or removed"; return; fi
  if [[ ! $3 =~ ^$entry/(reproductions/$word/)?$file$ ]]; then problem "$3" "is not a file of an entry"; return; fi
  local folder=${3%/*}
  if [ -n "$(git_ ls-tree "$base" -- "$folder")" ]; then problem "$3" "would be added to a folder that exists already"; return; fi
  folders+=("$folder")
}

while IFS= read -r -d '' line && IFS= read -r -d '' path; do
  read -r _ mode _ _ status <<<"$line"
  check "$status" "$mode" "$path"
done < <(git_ diff --no-ext-diff --no-textconv --no-renames --raw -z "$base" "$head" --)

if [ "$below" = 0 ]; then
  echo "No submission: nothing under \`submissions/\` is touched. People review code."
  exit 0
fi
if [ "$total" != "$below" ]; then
  problems+=("$((total - below)) of the $total files lie outside \`submissions/\`; a submission brings nothing else")
fi
mapfile -t folders < <(printf '%s\n' "${folders[@]}" | sort -u | sed '/^$/d')
if [ ${#folders[@]} -gt 1 ]; then problems+=("there are ${#folders[@]} new folders; one pull request brings one"); fi
if [ ${#folders[@]} = 0 ]; then problems+=("there is no new entry"); fi

for folder in "${folders[@]}"; do echo "- new: \`$folder\`"; done
if [ "$listed" = yes ]; then
  echo "- \`$signers\` changes; \`hlb-bench verify --base\` says how"
fi
for said in "${problems[@]}"; do echo "- **against the rules:** $said"; done
[ ${#problems[@]} = 0 ]
