#!/usr/bin/env python3
"""Images decoded and resized a second: hlb-bench against Pillow in a PyTorch data loader of two workers.

Both read the same 2,000 JPEGs of Imagenette-160's size from files and squash them to 64 x 64, on the same two cores. They
alternate A B A B, so that both see the same machine. Three loaders are measured: torchvision's usual one, which makes
floating-point values; one that stops at bytes, as ours does; and a minimal one without torchvision. A pass of the loader
counts from its construction to its last batch, the start of its workers included; a pass of ours from listing the folder
to the finished array.

Needs PyTorch (`make setup PYTORCH=1`) and the packages of requirements/images.txt. `scripts/bench.py` calls it.
"""

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench_common import ROOT, bench_program, spread

IMAGES = 2000
SIDE = 64
WORKERS = 2
BATCH = 128
PASSES = 3


def texture(random, width, height):
    """Smooth shapes, edges and grain: a JPEG of it is about as large as one of a photograph."""
    import numpy
    from PIL import Image

    total = numpy.full((height, width, 3), 118.0, numpy.float32)
    for cells, weight in ((3, 70), (8, 45), (24, 22), (64, 9)):
        coarse = random.normal(0, 1, (cells, cells, 3)).astype(numpy.float32)
        coarse = 0.8 * coarse.mean(axis=2, keepdims=True) + 0.35 * coarse
        for channel in range(3):
            plane = Image.fromarray(coarse[:, :, channel]).resize((width, height), Image.Resampling.BICUBIC)
            total[:, :, channel] += weight * numpy.asarray(plane)
    rows, columns = numpy.mgrid[0:height, 0:width]
    for _ in range(6):
        distance = (columns - random.uniform(0, width)) ** 2 + (rows - random.uniform(0, height)) ** 2
        total[distance < random.uniform(8, 50) ** 2] += random.uniform(-60, 60, 3)
    total += random.normal(0, 3, (height, width, 1))
    return Image.fromarray(numpy.clip(total, 0, 255).astype(numpy.uint8))


def make(folder, count=IMAGES):
    """JPEGs with a shortest side of 160 and the usual 4:2:0, in a folder. Returns their mean size in bytes."""
    import numpy

    random = numpy.random.default_rng(160)
    total = 0
    for index in range(count):
        long = int(random.choice([213, 213, 213, 240, 200, 160, 284]))
        width, height = (long, 160) if random.random() < 0.75 else (160, long)
        buffer = io.BytesIO()
        texture(random, width, height).save(buffer, "JPEG", quality=int(random.integers(75, 86)))
        (Path(folder) / f"{index:05}.JPEG").write_bytes(buffer.getvalue())
        total += len(buffer.getvalue())
    return total / count


class Images:
    """A data set written as is usual for PyTorch."""

    def __init__(self, folder, transform):
        self.files = sorted(Path(folder).iterdir())
        self.transform = transform

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        from PIL import Image

        return self.transform(Image.open(self.files[index]).convert("RGB"))


def floats():
    """As the recipes of torchvision do: values from 0 to 1."""
    from torchvision import transforms

    return transforms.Compose([transforms.Resize((SIDE, SIDE)), transforms.ToTensor()])


def octets():
    """The same without the conversion to floats, so that it yields bytes as ours does."""
    from torchvision import transforms

    return transforms.Compose([transforms.Resize((SIDE, SIDE)), transforms.PILToTensor()])


def plain():
    """Without torchvision: what its Resize calls, and no more."""
    import numpy
    import torch
    from PIL import Image

    return lambda image: torch.from_numpy(numpy.array(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR)))


KINDS = {"floats": floats, "octets": octets, "plain": plain}


def loader_rate(folder, kind):
    """Images a second of the data loader: the median of some passes. Imports are not timed."""
    import torch
    from torch.utils.data import DataLoader

    torch.set_num_threads(1)
    images = Images(folder, KINDS[kind]())
    rates = []
    for _ in range(PASSES):
        begin = time.perf_counter()
        count = sum(len(batch) for batch in DataLoader(images, batch_size=BATCH, num_workers=WORKERS))
        rates.append(count / (time.perf_counter() - begin))
    return statistics.median(rates)


def answer(command, **environment):
    """The figure that a command prints as JSON."""
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed:\n{done.stderr}")
    return json.loads(done.stdout)["images_per_second"]


def environment():
    """Where PyTorch, torchvision and Pillow are."""
    paths = [str(ROOT / ".libtorch" / "site-packages"), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(path for path in paths if path), "PYTHONWARNINGS": "ignore"}


def make_images(folder):
    subprocess.run([sys.executable, __file__, "--make", folder], check=True, env={**os.environ, **environment()})


def decode_ratio(folder, pairs=5, program=None):
    """Prints the rates of both sides and their ratio, round by round."""
    program = program or bench_program("decode")
    ours, ratios = [], {kind: [] for kind in KINDS}
    for pair in range(pairs):
        for kind in KINDS:
            mine = answer([program, folder, str(SIDE), str(WORKERS)])
            other = answer([sys.executable, __file__, "--loader", folder, "--kind", kind], **environment())
            ours.append(mine)
            ratios[kind].append((other, mine / other))
            print(f"  round {pair + 1}, {kind:<6}: {mine:.0f} against {other:.0f}, ratio {mine / other:.2f}", flush=True)
    print(f"hlb-bench, {WORKERS} threads              {spread(ours, 0)} images a second")
    for kind, values in ratios.items():
        rates, quotients = zip(*values)
        print(f"Pillow, {WORKERS} loader workers, {kind:<6}  {spread(rates, 0)} images a second")
        print(f"  ratio                           {spread(quotients, 2)}  (promised: at least 4)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--program", help="a built benchmark instead of the one of this tree")
    parser.add_argument("--make", metavar="FOLDER", help="only make the images")
    parser.add_argument("--loader", metavar="FOLDER", help="only measure the data loader")
    parser.add_argument("--kind", choices=KINDS, default="floats", help="what the loader makes")
    arguments = parser.parse_args()
    if arguments.make:
        print(f"{IMAGES} JPEGs of {make(arguments.make):.0f} bytes on average")
    elif arguments.loader:
        print(json.dumps({"images_per_second": loader_rate(arguments.loader, arguments.kind)}))
    else:
        with tempfile.TemporaryDirectory() as folder:
            make_images(folder)
            decode_ratio(folder, arguments.pairs, arguments.program)


if __name__ == "__main__":
    main()
