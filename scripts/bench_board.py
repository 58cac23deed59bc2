"""Seconds and memory that a board takes, and how they grow with its entries. Called by scripts/bench.py.

The entries are made up, signed, and all different (benches/board.rs): nine of ten have 5 runs, one has the 10 that a ranked row
needs. Everything lies in a temporary folder, so in memory or on the disk that TMPDIR names.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def build(program, folder, *options):
    """Seconds that passed, seconds of all processors, and MiB of one build, and what it said."""
    command = [program, "leaderboard", "--submissions", folder / "submissions", "--out", folder / "site", *options]
    begin = time.perf_counter()
    with open(folder / "said", "w") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    text = (folder / "said").read_text()
    if process.returncode != 0:
        sys.exit(f"the build failed:\n{text}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, text


def growth(program, maker, counts):
    print(f"a board of made-up entries on {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}:", flush=True)
    # All boards stay until the last is measured: some file systems (ext4) are slow to create files for minutes after many were deleted.
    with tempfile.TemporaryDirectory() as name:
        for count in counts:
            folder = Path(name) / str(count)
            folder.mkdir()
            subprocess.run([maker, "make", folder, str(count)], check=True, stdout=subprocess.DEVNULL)
            first, first_busy, most, text = build(program, folder)
            if f"{count} entries, 0 rejected" not in text:
                sys.exit(f"not every entry stands on the board:\n{text}")
            again, again_busy, _, _ = build(program, folder)
            files = sum(len(names) for _, _, names in os.walk(folder / "site"))
            print(
                f"  {count:6,} entries  first {first:6.2f} s ({first_busy:.2f} s of processors), {most:.0f} MiB"
                f"   again {again:.2f} s ({again_busy:.2f} s)"
                f"   {1e3 * first / count:5.2f} ms an entry, {files:,} files",
                flush=True,
            )
    print("promised of 10,000: at most 10 s and 1,024 MiB on 2 processors")
