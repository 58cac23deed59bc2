"""Writes whole.json: whole runs of every shipped recipe as the PyTorch reference implementation trains them, for
`crates/trainer/tests/torch/whole.rs` to compare.

    make build && PYTHONPATH=.libtorch/site-packages python3 tests/parity/whole.py [PROGRAM]

PROGRAM is `hlb-bench`, which tells the shipped recipes. All that a recipe says is as shipped, its rates and epochs
included, but for what makes it small: the width of its layers, the size of its images, the batch. What is random
otherwise comes from the generator that both sides share. Double precision on both sides.
"""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import torch
import golden
import reference

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = sys.argv[1] if len(sys.argv) > 1 else ROOT / "target" / "release" / "hlb-bench"
IMAGES, SIDE, BATCH = 64, 20, 32
WIDTHS = [12, 16, 20, 24]


def shown(*arguments):
    answer = subprocess.run([PROGRAM, "recipe", *arguments], check=True, capture_output=True, text=True)
    return answer.stdout


def small(recipe):
    """The recipe with the keys changed that `whole.rs` allows to differ."""
    augment, stem = recipe["augment"], recipe["stem"]
    side = {"imagenette-64": 64, "imagenette-128": 128, "fashion-mnist": 28}.get(recipe["track"], 32)
    augment["crop"] = augment["crop"] * SIDE // side
    for stage in recipe.get("resolution", []):
        stage["side"] = stage["side"] * SIDE // side
    # Squares of a size that leaves something of the image.
    if augment.get("cutout"):
        augment["cutout"] = 6
    if stem["kind"] == "whiten":
        stem["images"] = IMAGES
    stem["width"] = 8 if stem.get("project", True) else golden.CHANNELS * 8
    if stem.get("chunk"):
        stem["chunk"] = 24
    recipe["blocks"]["widths"] = WIDTHS[: len(recipe["blocks"]["widths"])]
    return {**recipe, "batch_size": BATCH}


class Draws:
    """What is drawn for an epoch, for all images in the order of training."""

    def __init__(self, augment, epoch, mixed):
        self.numbers = golden.Numbers(100 + epoch)
        self.order = self.permutation()
        crop, pad = augment["crop"], augment["pad"]
        span = SIDE + 2 * pad - crop + (1 if augment["last_offset"] else 0)
        self.choices = {"top": self.below(span), "left": self.below(span)}
        if augment["flip"]:
            self.choices["flips"] = self.flips(augment["flip"], epoch)
        if augment["cutout"]:
            free = crop - augment["cutout"] + 1
            self.choices |= {"cut_top": self.below(free), "cut_left": self.below(free)}
        if mixed:
            free = crop - augment["cutmix"]["size"] + 1
            self.choices |= {"mix_top": self.below(free), "mix_left": self.below(free)}
        if augment["jitter"]:
            self.choices["brightness"] = self.around_zero(augment["jitter"]["brightness"])
            self.choices["contrast"] = 1 + self.around_zero(augment["jitter"]["contrast"])

    def permutation(self):
        order = list(range(IMAGES))
        for last in range(IMAGES - 1, 0, -1):
            other = self.numbers.next() % (last + 1)
            order[last], order[other] = order[other], order[last]
        return torch.tensor(order)

    def below(self, span):
        return torch.tensor(self.numbers.below(max(span, 1), IMAGES))

    def flips(self, kind, epoch):
        coins = golden.Numbers(99) if kind == "alternating" else self.numbers
        heads = torch.tensor(coins.below(2, IMAGES)) == 1
        return heads[self.order] ^ (epoch % 2 == 1) if kind == "alternating" else heads

    def around_zero(self, most):
        """In single precision, in which both sides draw."""
        return self.numbers.units(IMAGES).float() * torch.tensor(most, dtype=torch.float32)


class Trainer(reference.Trainer):
    """Its epochs are drawn by the shared generator."""

    def draws(self):
        epoch, cutmix = self.step_count // self.steps_per_epoch, self.recipe["augment"]["cutmix"]
        mixed = cutmix is not None and epoch >= self.planned_epochs - cutmix["epochs"]
        return Draws(self.recipe["augment"], epoch, mixed)

    def choices(self, indices, epoch, mixed):
        begin = self.step_count % self.steps_per_epoch * BATCH
        return {name: values[begin : begin + BATCH] for name, values in self.epoch_draws.choices.items()}

    def epoch_losses(self):
        self.model.train()
        self.epoch_draws = self.draws()
        steps = min(self.steps_per_epoch, self.total_steps - self.step_count)
        batches = self.epoch_draws.order.split(BATCH)[:steps]
        return [float(self.step(batch)) / reference.REFERENCE_BATCH for batch in batches]


def run(name):
    recipe = small(json.loads(shown("show", name, "--json")))
    trainer = golden.prepared(recipe, Trainer, lambda: golden.data(IMAGES, SIDE))
    whitening = None
    if recipe["stem"]["kind"] == "whiten":
        # Exact, since the other side goes on with them.
        whitening = trainer.model.stem.whiten.weight.flatten().tolist()
    losses, correct = [], []
    for _ in range(trainer.epochs):
        losses += trainer.epoch_losses()
        correct.append(trainer.evaluate())
    print(f"{name}: {len(losses)} steps, losses {losses[0]:.3f} to {losses[-1]:.3f}, {correct[-1]} correct")
    return {
        "recipe": recipe,
        "whitening": whitening,
        "losses": golden.rounded_all(losses),
        "correct": correct,
        "logits": golden.summary(trainer.evaluation_logits()),
        "trained": golden.tensors_of(trainer.model, trainer.recipe),
        "evaluated": golden.tensors_of(trainer.evaluated_model(), trainer.recipe),
    }


def main():
    torch.set_num_threads(1)
    folder = Path(__file__).parent
    scripts = ("whole.py", "golden.py", "reference.py")
    made_by = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in scripts}
    names = [line.split()[0] for line in shown("list").splitlines()]
    document = {"torch": torch.__version__, "made_by": made_by, "runs": {name: run(name) for name in names}}
    (folder / "whole.json").write_text(golden.text_of(document) + "\n")


if __name__ == "__main__":
    main()
