#!/usr/bin/env python3
"""Seconds to fetch, preprocess and open a data set of Imagenette's size at 64x64: 9,469 + 3,925 images.

The images are those of scripts/bench_decode.py over and over, in an archive of the published layout. Opening is the
whole command `hlb-bench data prepare`, process start and verification of the digest included. `scripts/bench.py` calls it.
"""

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

from bench_common import PROGRAM, spread

COUNTS = [(963, 387), (955, 395), (993, 357), (858, 386), (941, 409), (956, 394), (961, 389), (931, 419), (951, 399), (960, 390)]


def archive(images, folder):
    """An archive of the layout of imagenette2-160.tgz, and its manifest."""
    files = sorted(Path(images).iterdir())
    path, number = Path(folder) / "imagenette2-160.tgz", 0
    with tarfile.open(path, "w:gz", compresslevel=1) as packed:
        for label, counts in enumerate(COUNTS):
            for split, count in zip(("train", "val"), counts):
                for index in range(count):
                    packed.add(files[number % len(files)], f"imagenette2-160/{split}/n{label:08}/n{label:08}_{index}.JPEG")
                    number += 1
    folders = "".join(f"  - {{name: n{label:08}, train: {train}, evaluation: {val}}}\n" for label, (train, val) in enumerate(COUNTS))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (Path(folder) / "made.yaml").write_text(
        "id: made\ntitle: of Imagenette's size\nlicense: none needed\ntrain: 9469\nevaluation: 3925\n"
        f"classes: [{', '.join('class ' + str(label) for label in range(10))}]\nsize: null\nsource:\n  kind: pictures\n  archive: "
        f"{{file: {path.name}, bytes: {path.stat().st_size}, sha256: \"{digest}\", confirmed: true}}\n  root: imagenette2-160\n"
        f"  train: train\n  evaluation: val\n  extension: .JPEG\n  folders:\n{folders}"
    )


def seconds(command, folder):
    environment = {**os.environ, "HLB_BENCH_DATA": f"{folder}/data", "HLB_BENCH_CACHE": f"{folder}/cache"}
    begin = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{command} failed:\n{done.stderr}")
    return time.perf_counter() - begin


def prepare(images, rounds=7):
    """Prints the figures; `images` is a folder of JPEGs."""
    with tempfile.TemporaryDirectory() as folder:
        archive(images, folder)
        fetch = seconds([PROGRAM, "data", "fetch", "--manifest", "made.yaml", "--from", "imagenette2-160.tgz"], folder)
        command = [PROGRAM, "data", "prepare", "imagenette-64", "--manifest", "made.yaml"]
        first = seconds(command, folder)
        arrays = next(Path(folder, "cache").glob("*.arrays"))
        opened = [seconds(command, folder) for _ in range(rounds)]
        print(f"fetched from an archive of {(Path(folder) / 'imagenette2-160.tgz').stat().st_size / 1e6:.0f} MB: {fetch:.2f} s")
        print(f"preprocessed, {arrays.stat().st_size / 1e6:.0f} MB of arrays: {first:.2f} s")
        print(f"opened again, its digest verified: {spread(opened, 3)} s  (promised: at most 0.2 s beyond the digest)")
