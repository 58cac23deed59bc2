# `make demo` and `make test` do the whole set-up; a second run skips it. Everything is built in
# release mode, so that tests, lints and programs share one build of libtorch's bindings.
.PHONY: help setup build demo test lint bench docs without-libtorch fuzz

help:
	@echo "make demo   set up, build, submit a variant on the built-in track, show the page"
	@echo "make test   set up, build, run all tests"
	@echo "make setup  install the pinned libtorch into .libtorch/ (CUDA=1: with the CUDA libraries)"
	@echo "make build  both programs, in target/release/"
	@echo "make lint   format, clippy, licenses, workflows"
	@echo "make bench  the promised ratios, measured side by side"
	@echo "make fuzz   every fuzz target for SECONDS_EACH=10 seconds"

setup:
	@scripts/setup-libtorch.sh

build: setup
	cargo build --release --locked

demo: build
	@scripts/demo.sh

# Without `build`, whose crates have fewer features than the tests': all would be compiled twice.
test: setup
	cargo test --release --locked --workspace

lint: setup
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo clippy --release --locked --workspace --all-targets -- -D warnings
	@scripts/deny.sh
	@scripts/lint-yaml.sh

docs: setup
	RUSTDOCFLAGS="-D warnings" cargo doc --release --locked --workspace --no-deps

# Everything but training, on a machine that has no libtorch at all: no crate but the trainer's needs it to compile, and the
# program alone says what is missing. `make build` or `make test` has built it.
without-libtorch:
	env -u LIBTORCH cargo clippy --release --locked --workspace --exclude hlb-trainer --all-targets -- -D warnings
	scripts/check-without-libtorch.sh target/release/hlb-bench

# `import torch` needs all CUDA libraries, even to train on the CPU.
bench: build
	@CUDA=1 PYTORCH=1 IMAGES=1 scripts/setup-libtorch.sh
	@python3 scripts/bench.py $(BENCH)

SECONDS_EACH ?= 10
fuzz:
	@scripts/fuzz.sh $(SECONDS_EACH)
