#!/usr/bin/env bash
# Installs the pinned libtorch into .libtorch/ of this project: digests checked, atomically, once.
#   CUDA=1  also installs the CUDA libraries that a GPU run needs (about 2.5 GB).
#   PYTORCH=1  also what the reference implementation in PyTorch needs.
#   IMAGES=1  also what the comparison with Pillow needs.
#   LIBTORCH=/path  set by the user: nothing is installed, that libtorch is used.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -n "${LIBTORCH:-}" ]; then
  [ -e "$LIBTORCH/lib/libtorch_cpu.so" ] || { echo "error: \`$LIBTORCH\`, named by LIBTORCH, has no \`lib/libtorch_cpu.so\`; unset it or point it at libtorch 2.11.0" >&2; exit 2; }
  exit 0
fi

# install NAME REQUIREMENTS: into .libtorch/site-packages, unless this list is installed already.
install() {
  local stamp=".libtorch/$1.stamp"
  cmp -s "$2" "$stamp" && return
  echo "setup: installing $1 into .libtorch/ (once)" >&2
  local platforms=(--platform manylinux1_x86_64 --platform manylinux2014_x86_64) minor
  for minor in $(seq 5 28); do platforms+=(--platform "manylinux_2_${minor}_x86_64"); done
  mkdir -p .libtorch
  rm -rf "$stamp" .libtorch/incoming
  PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --no-compile --upgrade \
    --only-binary=:all: --python-version 3.11 --implementation cp "${platforms[@]}" \
    --target .libtorch/incoming -r "$2"
  # pip replaces whole top-level folders of its target, and these lists share `nvidia/`: so they are
  # merged here.
  mkdir -p .libtorch/site-packages
  cp -al --remove-destination .libtorch/incoming/. .libtorch/site-packages/
  rm -rf .libtorch/incoming
  cp "$2" "$stamp"
}

install libtorch requirements/libtorch.txt
if [ -n "${CUDA:-}" ]; then install cuda requirements/cuda.txt; fi
if [ -n "${PYTORCH:-}" ]; then install pytorch requirements/pytorch.txt; fi
if [ -n "${IMAGES:-}" ]; then install images requirements/images.txt; fi
