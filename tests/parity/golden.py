"""Writes golden.json: what the plain PyTorch twin computes for tiny recipes, for `tests/torch/golden.rs` to compare.

    CUDA=1 TWIN=1 scripts/setup-libtorch.sh && PYTHONPATH=.libtorch/site-packages python3 tests/parity/golden.py

Everything random is replaced by a small formula that both sides share: images, labels and initial weights come from a
linear congruential generator, a batch is the whole training split (so its order does not matter), nothing is cropped or
mirrored. Double precision on both sides, so that rounding cannot blur the comparison. What is compared: whitening filters, loss of every step, weights, biases, running statistics and the average.
"""

import copy
import hashlib
import json
from pathlib import Path

import torch
import twin

IMAGES, SIDE, CHANNELS, CLASSES = 64, 16, 3, 10

BASE = {
    "track": "shapes",
    "epochs": 12,
    "batch_size": IMAGES,
    "augment": {"pad": 0, "crop": SIDE, "flip": False},
    "stem": {"kind": "whiten", "images": IMAGES, "eps": 0.01, "width": 8},
    "blocks": {"widths": [16, 32], "pool": "before_norm"},
    "norm": {"momentum": 0.8, "eps": 1e-12, "ghost_batches": 1, "fp32": True},
    "logit_scale": 0.1,
    "loss": {"label_smoothing": 0.2},
    "optimizer": {
        "momentum": 0.85,
        "nesterov": True,
        "weights": {"lr": 0.001, "weight_decay": 0.66048},
        "biases": {"lr": 0.01, "weight_decay": 0.02064},
    },
    "schedule": {"kind": "one_cycle_linear", "peak": 0.25, "start": 0.0, "end": 0.0},
    "average": {"epochs": 6, "every_steps": 2, "decay": 0.9},
    "evaluate": {"mirror": True, "weights": "averaged"},
    "precision": "fp32",
}

VARIANTS = {
    "reference": {},
    "conv-stem": {"stem": {"kind": "conv", "width": 8}},
    "pool-after-activation": {"blocks": {"widths": [16, 32], "pool": "after_activation"}},
    "no-average": {"average": None, "evaluate": {"mirror": False, "weights": "trained"}},
    "no-nesterov": {"optimizer": {**BASE["optimizer"], "nesterov": False}},
}


class Numbers:
    """Numerical Recipes' generator: the upper bits of x <- 1664525 x + 1013904223 modulo 2^32."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (1664525 * self.state + 1013904223) % 2**32
        return self.state >> 16

    def bytes(self, count):
        return bytearray(self.next() % 256 for _ in range(count))

    def units(self, count):
        return torch.tensor([self.next() / 32768.0 - 1.0 for _ in range(count)], dtype=torch.float64)


def smooth(pixels):
    """Mixes each byte with its neighbours, so that the directions of patches have variances well apart."""
    row, column = SIDE * CHANNELS, CHANNELS
    for index in range(len(pixels)):
        value = pixels[index]
        if index // CHANNELS % SIDE > 0:
            value = (3 * pixels[index - column] + value) // 4
        if index // row % SIDE > 0:
            value = (pixels[index - row] + value) // 2
        if index % CHANNELS > 0:
            value = (2 * pixels[index - 1] + value) // 3
        pixels[index] = value
    return pixels


def data():
    numbers = Numbers(1)
    pixels = smooth(numbers.bytes(2 * IMAGES * SIDE * SIDE * CHANNELS))
    images = torch.frombuffer(pixels, dtype=torch.uint8).view(2 * IMAGES, SIDE, SIDE, CHANNELS)
    # A brighter square for each class, so that there is something to learn; never flat, since ties of the pooling
    # are broken by rounding.
    labels = torch.arange(2 * IMAGES) % CLASSES
    for image, label in zip(images, labels):
        square = image[:, label : label + 4, label % CHANNELS]
        square.copy_(128 + square // 2)
    images = images.permute(0, 3, 1, 2).double() / 255
    std, mean = torch.std_mean(images[:IMAGES], dim=(0, 2, 3), keepdim=True)
    images = (images - mean) / std
    return twin.Data(images[:IMAGES], labels[:IMAGES], images[IMAGES:], labels[IMAGES:], CHANNELS, CLASSES)


def set_weights(model):
    """Initial weights in the order of the layers: uniform numbers over the square root of the fan-in."""
    numbers = Numbers(2)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad and not name.endswith("bias"):
                fan_in = parameter[0].numel()
                parameter.copy_(numbers.units(parameter.numel()).view(parameter.shape) / fan_in**0.5)


def fix_signs(model):
    """The sign of an eigenvector is arbitrary: its first large entry is made positive, as the trainer does."""
    filters = model.stem.whiten.weight.data
    for row in filters:
        flat = row.flatten()
        first = next(value for value in flat if value.abs() >= flat.abs().max() * 0.5)
        if first < 0:
            row.neg_()


def numbers_of(model):
    state = model.state_dict()

    def flat(names):
        return [round(float(state[name].double().abs().sum()), 9) for name in names]

    return {
        "weights": flat(n for n, p in model.named_parameters() if p.requires_grad and not n.endswith("bias")),
        "biases": flat(n for n, p in model.named_parameters() if p.requires_grad and n.endswith("bias")),
        "means": flat(n for n in state if n.endswith("running_mean")),
        "variances": flat(n for n in state if n.endswith("running_var")),
    }


def golden(recipe):
    trainer = twin.Trainer(recipe, data(), 1)
    trainer.model.double()
    if recipe["stem"]["kind"] == "whiten":
        twin.fit_whitening(trainer.model, trainer.data.train_images)
    set_weights(trainer.model)
    whitening = None
    if recipe["stem"]["kind"] == "whiten":
        fix_signs(trainer.model)
        whitening = [round(float(value), 9) for value in trainer.model.stem.whiten.weight.flatten()]
    everything = torch.arange(IMAGES)
    trainer.model.train()
    losses = [float(trainer.step(everything)) / twin.REFERENCE_BATCH for _ in range(recipe["epochs"])]
    correct = trainer.evaluate()
    model = trainer.averaged if recipe["evaluate"]["weights"] == "averaged" else trainer.model
    return {
        "recipe": recipe,
        "whitening": whitening,
        "losses": losses,
        "correct": correct,
        "trained": numbers_of(trainer.model),
        "evaluated": numbers_of(model),
    }


def main():
    torch.set_num_threads(1)
    cases = {name: golden({**copy.deepcopy(BASE), **changes}) for name, changes in VARIANTS.items()}
    folder = Path(__file__).parent
    # A test compares these digests, so that golden.json cannot fall behind the scripts that make it.
    made_by = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("golden.py", "twin.py")}
    document = {"torch": torch.__version__, "made_by": made_by, "cases": cases}
    (folder / "golden.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
