"""What the benchmarks share. Called by scripts/bench.py and its parts."""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "target" / "release" / "hlb-bench"


def run(command, **environment):
    """Standard output of a command; its standard error is shown if it fails."""
    variables = {**os.environ, "PYTHONWARNINGS": "ignore", **environment}
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed:\n{done.stderr}")
    return done.stdout


def bench_program(name):
    """The path of a benchmark, built if it is not."""
    command = ["cargo", "bench", "--locked", "--workspace", "--bench", name, "--no-run", "--message-format=json"]
    lines = run(command).splitlines()
    messages = [json.loads(line) for line in lines if line.startswith("{")]
    programs = [m["executable"] for m in messages if m.get("target", {}).get("name") == name and m.get("executable")]
    return programs[-1]


def spread(values, digits=3):
    """The median of some values, the least, the greatest and how many there are, in words."""
    median, least, most = statistics.median(values), min(values), max(values)
    return f"median {median:.{digits}f}, from {least:.{digits}f} to {most:.{digits}f}, n = {len(values)}"
