#!/usr/bin/env python3
"""Prints the promised ratios, measured side by side in one run.

1. Seconds per training step at batch 512: hlb-bench-trainer against the same model in PyTorch eager
   (tests/parity/reference.py) on the same libtorch, as people run it and with the same allocator settings. Processes
   alternate A B A B, so that both see the same machine.
2. The share of a session's wall time that is neither training nor evaluation.
   The cost of sampling the sensors once a second: processor time of a sample, and step times with and without it.
3. Images decoded and resized a second, against Pillow in a PyTorch data loader (scripts/bench_decode.py).
4. Seconds to open a preprocessed data set of Imagenette's size (scripts/bench_prepare.py).
5. Seconds and memory to build a board of 100, 1,000 and 10,000 entries, and to build it again (scripts/bench_board.py).

Called by `make bench`, which builds both sides first.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import bench_board
import bench_decode
import bench_prepare
from bench_common import PROGRAM, ROOT, bench_program, run, spread

# What the trainer tells the C library and libtorch of memory, for PyTorch.
ALLOCATOR = {
    "THP_MEM_ALLOC_ENABLE": "1",
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 32),
    "MALLOC_TOP_PAD_": str(256 << 20),
}
REFERENCE = ROOT / "tests" / "parity" / "reference.py"


def step_ratio(track, precision, pairs, steps, threads, device):
    """Seconds per step of both sides in turn, and their ratio pair by pair. PyTorch trains in single precision on the CPU."""
    ours, theirs, alike = [], [], []
    program = bench_program("step_time")
    recipe = json.loads(run([PROGRAM, "recipe", "show", f"hlb-{track}", "--json"]))
    recipe["batch_size"] = 512
    with tempfile.TemporaryDirectory() as folder:
        run([program, "dump", track, folder])
        path, own_path = Path(folder) / "recipe.json", Path(folder) / "own.json"
        path.write_text(json.dumps(recipe))
        own_path.write_text(json.dumps({**recipe, "precision": precision}))
        environment = {"PYTHONPATH": str(ROOT / ".libtorch" / "site-packages")}
        reference = [sys.executable, str(REFERENCE), "step-time", "--recipe", str(path), "--data", folder]
        reference += ["--steps", str(steps), "--warmup", "5", "--threads", str(threads), "--device", device]
        seconds = lambda command, **more: json.loads(run(command, **more))["median_seconds"]
        for pair in range(pairs):
            ours.append(seconds([program, "time", track, str(own_path), str(steps), str(threads), device]))
            theirs.append(seconds(reference, **environment))
            alike.append(seconds(reference, **environment, **ALLOCATOR))
            ratios = f"ratios {ours[-1] / theirs[-1]:.3f} and {ours[-1] / alike[-1]:.3f}"
            print(f"  pair {pair + 1}: {ours[-1]:.4f} s against {theirs[-1]:.4f} and {alike[-1]:.4f} s, {ratios}", flush=True)
    print(f"step of 512 images of {track}, precision {precision}:")
    print(f"  hlb-bench-trainer  {spread(ours, 4)} s")
    print(f"  PyTorch eager      {spread(theirs, 4)} s")
    print(f"    its memory kept  {spread(alike, 4)} s")
    print(f"  ratio              {spread([a / b for a, b in zip(ours, theirs)])}")
    print(f"    its memory kept  {spread([a / b for a, b in zip(ours, alike)])}")


def overhead(runs):
    """The time of a session that is neither training nor evaluation."""
    print(f"one session of {runs} runs on the built-in track:", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        result = json.loads(run([PROGRAM, "run", "--runs", str(runs), "--json", "--sessions", folder]))
        process = time.perf_counter() - begin
    phases = result["derived"]["phases"]
    rest = 1 - (phases["train_seconds"] + phases["evaluate_seconds"]) / process
    for name in ("dataset", "setup", "warmup_run", "train", "evaluate", "log", "other", "wall"):
        print(f"  {name:<11} {phases[name + '_seconds']:9.3f} s")
    print(f"  process     {process:9.3f} s")
    print(f"neither training nor evaluating: {100 * rest:.2f} % of the session  (promised: at most 2 %)")


def telemetry(pairs, steps, threads, device):
    """The cost of sampling: its processor time, and the step times with and without it."""
    sampler, program = bench_program("telemetry"), bench_program("step_time")
    costs = [json.loads(run([sampler, "cost", "500"])) for _ in range(pairs)]
    cpu = [cost["cpu_seconds"] for cost in costs]
    print(f"a sample           {spread([1e3 * seconds for seconds in cpu])} ms of one processor, {costs[0]['gpus']} GPUs")
    share = [100 * seconds / os.cpu_count() for seconds in cpu]
    print(f"once a second      {spread(share)} % of {os.cpu_count()} processors  (promised: at most 0.5 %)")
    recipe = run([PROGRAM, "recipe", "show", "hlb-shapes", "--json"])
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recipe.json"
        path.write_text(recipe)
        step_time = lambda: json.loads(run([program, "time", "shapes", str(path), str(steps), str(threads), device]))["median_seconds"]
        for pair in range(pairs):
            with subprocess.Popen([sampler, "beat"], stdin=subprocess.PIPE) as beat:
                sampled = step_time()
                beat.stdin.close()
            ratios.append(sampled / step_time())
    print(f"step time with sampling over without: {spread(ratios)}")


def images(rounds):
    with tempfile.TemporaryDirectory() as folder:
        bench_decode.make_images(folder)
        bench_decode.decode_ratio(folder, rounds)
        bench_prepare.prepare(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--entries", type=int, nargs="+", default=[100, 1000, 10000])
    parser.add_argument("--only", nargs="+", choices=["steps", "session", "telemetry", "images", "board"])
    parser.add_argument(
        "--recipes",
        nargs="+",
        type=lambda text: text.split(":"),
        default=[["shapes", "auto"], ["fashion-mnist", "auto"], ["shapes", "bf16"]],
        metavar="TRACK:PRECISION",
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="of both sides")
    arguments = parser.parse_args()
    chosen = arguments.only or ["steps", "session", "telemetry", "images", "board"]
    if "steps" in chosen:
        for track, precision in arguments.recipes:
            step_ratio(track, precision, arguments.pairs, arguments.steps, arguments.threads, arguments.device)
    if "session" in chosen:
        overhead(arguments.runs)
    if "telemetry" in chosen:
        telemetry(arguments.pairs, 4 * arguments.steps, arguments.threads, arguments.device)
    if "images" in chosen:
        images(arguments.pairs)
    if "board" in chosen:
        bench_board.growth(PROGRAM, bench_program("board"), arguments.entries)


if __name__ == "__main__":
    main()
