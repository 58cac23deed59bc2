"""Writes golden.json: what the PyTorch reference implementation computes for tiny recipes, for `crates/trainer/tests/torch/golden.rs` to compare.

    CUDA=1 PYTORCH=1 scripts/setup-libtorch.sh && PYTHONPATH=.libtorch/site-packages python3 tests/parity/golden.py

Everything random is replaced by a small formula that both sides share: images, labels and initial weights come from a
linear congruential generator, a batch is the whole training split in order, nothing is cropped or mirrored while
training. Double precision on both sides, so that rounding cannot blur the comparison.

Three parts. `cases`: 50 updates of a recipe each, with filters, the first forward pass, losses, logits and tensors.
`schedules`: rates from PyTorch's own schedulers where it has one. `augment`: what becomes of images when the choices
that are random otherwise are given.
"""

import copy
import functools
import hashlib
import json
import math
import re
from pathlib import Path

import torch
import reference
from torch.optim import lr_scheduler

IMAGES, SIDE, CHANNELS, CLASSES = 64, 16, 3, 10
STEPS = 50

LINEAR = {"kind": "one_cycle_linear", "peak": 0.25, "start": 0.0, "end": 0.0}
BASE = {
    "track": "shapes",
    "epochs": STEPS,
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
        "weights": {"lr": 0.0001, "weight_decay": 0.66048},
        "biases": {"lr": 0.001, "weight_decay": 0.02064},
    },
    "schedule": LINEAR,
    "average": {"epochs": 25, "every_steps": 2, "decay": 0.9},
    "evaluate": {"mirror": True, "weights": "averaged"},
    "precision": "fp32",
}


# Recipes


def part(key, **changes):
    """A change of some keys within one part of the recipe."""
    return {key: {**BASE[key], **changes}}


def without(key, name):
    return {other: value for other, value in BASE[key].items() if other != name}


CYCLIC = {"kind": "cyclic", "rise": 0.1, "floor": 0.1, "peaks": {"kind": "equal"}}
CYCLED = {"momentum": {"low": 0.8, "high": 0.9}}
WEIGHTS, BIASES = BASE["optimizer"]["weights"], BASE["optimizer"]["biases"]

PATCHES = {**BASE["stem"], "project": False, "sign_pairs": True, "bias": "uniform", "width": 24}
PADDED = {**BASE["stem"], "kernel": 3, "padded": True, "centred": False}
CELU = {"activation": "celu", "celu_alpha": 0.3}
# ResNet-9 (David Page): a block without a residual between two with residuals of two convolutions.
NINE = {"convs": [3, 1], "residual": ["after_activation", "none"]}
SCALES = {"lr": 0.0005, "weight_decay": 0.05, "momentum": 0.7}
NINE_BASELINE = {
    "stem": {"kind": "conv", "width": 8},
    **part("blocks", **NINE, pool="after_activation"),
    **part("norm", train_scale=True),
    "activation": "relu",
    **part("loss", label_smoothing=0.0),
    "average": None,
    "evaluate": {"mirror": False, "weights": "trained"},
}
NINE_TRICKS = {
    "stem": PADDED,
    **part("blocks", **NINE),
    **part("norm", momentum=0.1, eps=1e-5, ghost_batches=4, ghost_stem=True, average_takes_first_part=True),
    **CELU,
    **part("optimizer", rate_in_momentum=True),
    "average": {"epochs": STEPS, "every_steps": 5, "decay": 0.99},
}

# Without a projection, whose normalisation would take the bias off again and leave it a gradient of rounding errors.
AIRBENCH_STEM = {**PATCHES, "centred": False, "eps": 0.0005, "bias": "zero"}
AIRBENCH_BIAS = {
    "lr": 0.002,
    "weight_decay": 0.01,
    "momentum": 0.6,
    "schedule": {"kind": "linear", "over": 0.5},
}
ADAMW = {"kind": "adamw", "beta1": 0.9, "beta2": 0.95, "eps": 1e-6}
MUON = {"kind": "muon", "iterations": 3, "renormalise_every": 1.0}
RARE = {
    "kind": "muon",
    "iterations": 5,
    "coefficients": [3.0, -3.5, 1.5],
    "renormalise_every": 2.0,
    "renormalise_grows": 15.0,
}
FILTERS = {"lr": 0.005, "weight_decay": 0.02, "momentum": 0.6}
HEAD = {
    "lr": 0.0002,
    "weight_decay": 0.1,
    "momentum": 0.6,
    "schedule": {"kind": "linear", "over": 1.0},
}
POINTS = {"kind": "piecewise", "points": [[0.0, 0.1], [0.3, 1.0], [0.55, 0.4], [1.0, 0.05]]}

VARIANTS = {
    "reference": {},
    # Layers.
    "conv-stem": {"stem": {"kind": "conv", "width": 8}},
    "pool-after-activation": part("blocks", pool="after_activation"),
    "ghost-4": part("norm", ghost_batches=4),
    "ghost-average-first-part": part("norm", ghost_batches=4, average_takes_first_part=True),
    "ghost-collated": part("norm", ghost_batches=4, average_takes_first_part=True, evaluation_collates=True),
    "mean-pool": {"pool_head": "mean"},
    "silu": {"activation": "silu"},
    "relu": {"activation": "relu"},
    "identity-behind-stem": {"stem_activation": "identity"},
    "convs-1": part("blocks", convs=1, residual="none"),
    "convs-3-before-activation": part("blocks", convs=3, residual="before_activation"),
    "no-residual": part("blocks", residual="none"),
    "celu": CELU,
    "celu-behind-stem": {"stem_activation": "celu", "celu_alpha": 0.075},
    "convs-per-block": part("blocks", **NINE),
    "residual-per-block": part("blocks", residual=["before_activation", "none"]),
    "scales-trained": part("norm", train_scale=True),
    "scales-trained-own-group": {**part("norm", train_scale=True, scale=0.5), **part("optimizer", scales=SCALES)},
    "scales-trained-ghost-4": part("norm", train_scale=True, ghost_batches=4),
    "scales-frozen-at-a-quarter": part("norm", scale=0.25),
    "ghost-stem": part("norm", ghost_batches=4, ghost_stem=True),
    "freeze-scales": {
        **part("norm", train_scale=True),
        "freeze": [{"parameters": "scales", "after_epochs": 20.0}],
    },
    "resnet9-baseline": NINE_BASELINE,
    "resnet9-tricks": NINE_TRICKS,
    # Whitening.
    "kernel-3": part("stem", kernel=3),
    "padded": {"stem": PADDED},
    "sign-pairs-bias-no-project": {
        "stem": PATCHES,
        "freeze": [{"parameters": "whitening_bias", "after_epochs": 3.0}],
    },
    "uncentred": {"stem": AIRBENCH_STEM, **part("optimizer", whitening_bias=AIRBENCH_BIAS)},
    "chunked": part("stem", chunk=24),
    "half-whitening": part("stem", half=True),
    "projection-without-norm": part("stem", norm=False),
    # Initial weights. hlb-CIFAR10 v0.7.0, from which the third is, has no projection; with one it is a case of its own.
    "dirac": {"init": {"convolutions": "dirac"}},
    "dirac-second": {"init": {"convolutions": "dirac_second"}},
    "dirac-standardised": {"init": {"convolutions": "dirac_standardised"}, "stem": {**PATCHES, "bias": None}},
    "dirac-standardised-projection": {"init": {"convolutions": "dirac_standardised"}},
    "head-unit": {"init": {"head": "unit_deviation"}, "logit_scale": 0.02},
    # Updates.
    "no-nesterov": part("optimizer", nesterov=False),
    "rate-in-momentum": part("optimizer", rate_in_momentum=True),
    "rate-in-momentum-no-nesterov": part("optimizer", rate_in_momentum=True, nesterov=False),
    "adamw": part(
        "optimizer",
        weights={"lr": 0.0003, "weight_decay": 0.05, "rule": ADAMW},
        biases={"lr": 0.001, "weight_decay": 0.0, "rule": ADAMW},
    ),
    "muon": part("optimizer", filters={**FILTERS, "rule": MUON}),
    "muon-renormalise-rounds": part("optimizer", filters={**FILTERS, "rule": {**RARE, "renormalise_rounds": True}}),
    "muon-renormalise-rarely": part("optimizer", nesterov=False, filters={**FILTERS, "rule": RARE}),
    "head-own-group": part("optimizer", head=HEAD),
    "freeze-stem": {"freeze": [{"parameters": "stem", "after_epochs": 10.5}]},
    "resolution": {"resolution": [{"until": 0.3, "side": 8}, {"until": 0.6, "side": 12}]},
    "loss-scale": part("loss", scale=3.0),
    "last-epoch-empty": {"epochs": STEPS + 1, "last_whole_epoch_is_empty": True},
    # Average and evaluation.
    "no-average": {"average": None, "evaluate": {"mirror": False, "weights": "trained"}},
    "lookahead": {
        "average": {"epochs": STEPS, "every_steps": 5, "decay": 0.95, "power": 3.0, "copy_back": True}
    },
    "lookahead-from-untrained": {
        "stem": AIRBENCH_STEM,
        "init": {"convolutions": "dirac"},
        "average": {
            "epochs": STEPS,
            "begins": "untrained",
            "every_steps": 5,
            "decay": 0.95,
            "power": 1.0,
            "copy_back": True,
        },
    },
    # A begun step counts: this begins with step 38 of 50, an average of 12 epochs with step 40.
    "average-of-a-part": part("average", epochs=12.4),
    "average-without-statistics": part("average", statistics=False),
    "no-mirror": part("evaluate", mirror=False),
    "multi-crop": part("evaluate", multi_crop=True),
    "multi-crop-equal": part("evaluate", multi_crop=True, crop_weights="equal"),
    "least-confident": part("evaluate", multi_crop=True, least_confident=0.25),
    # Schedules.
    "piecewise-weights-schedule": part("optimizer", weights={**WEIGHTS, "schedule": POINTS}),
    "schedule-one-cycle-cosine": {
        "schedule": {"kind": "one_cycle_cosine", "peak": 0.3, "start": 0.1, "end": 0.01}
    },
    "schedule-exponential": {"schedule": {"kind": "exponential", "end": 0.05}},
    "schedule-cosine": {"schedule": {"kind": "cosine", "half_wave": 0.4, "floor": 0.1}},
    "schedule-cosine-restarts": {
        "schedule": {"kind": "cosine_restarts", "first": 0.14, "growth": 2, "floor": 0.05}
    },
    "schedule-cyclic-equal": {"schedule": CYCLIC},
    "schedule-cyclic-halving": {"schedule": {**CYCLIC, "peaks": {"kind": "halving"}}},
    "schedule-cyclic-shrinking": {"schedule": {**CYCLIC, "peaks": {"kind": "shrinking", "end": 0.2}}},
    "schedule-cyclic-momentum": {"schedule": {**CYCLIC, **CYCLED}},
    "schedule-triangle": {"schedule": {"kind": "triangle", "peak": 0.23, "start": 0.2, "end": 0.07}},
    "schedule-linear": {"schedule": {"kind": "linear", "over": 0.8}},
    "schedule-constant": {"schedule": {"kind": "constant"}},
    "schedule-piecewise": {"schedule": POINTS},
}


# Data


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

    def below(self, bound, count):
        return [self.next() % bound for _ in range(count)]


def smooth(pixels, side):
    """Mixes each byte with its neighbours, so that the directions of patches have variances well apart."""
    row, column = side * CHANNELS, CHANNELS
    for index in range(len(pixels)):
        value = pixels[index]
        if index // CHANNELS % side > 0:
            value = (3 * pixels[index - column] + value) // 4
        if index // row % side > 0:
            value = (pixels[index - row] + value) // 2
        if index % CHANNELS > 0:
            value = (2 * pixels[index - 1] + value) // 3
        pixels[index] = value
    return pixels


@functools.cache
def data(count=IMAGES, side=SIDE):
    """So many images of each split."""
    numbers = Numbers(1)
    pixels = smooth(numbers.bytes(2 * count * side * side * CHANNELS), side)
    images = torch.frombuffer(pixels, dtype=torch.uint8).view(2 * count, side, side, CHANNELS)
    # A brighter square for each class, so that there is something to learn; never flat, since ties of the pooling
    # are broken by rounding.
    labels = torch.arange(2 * count) % CLASSES
    for image, label in zip(images, labels):
        square = image[:, label : label + 4, label % CHANNELS]
        square.copy_(128 + square // 2)
    images = images.permute(0, 3, 1, 2).double() / 255
    std, mean = torch.std_mean(images[:count], dim=(0, 2, 3), keepdim=True)
    images = (images - mean) / std
    return reference.Data(images[:count], labels[:count], images[count:], labels[count:], CHANNELS, CLASSES)


@torch.no_grad()
def set_weights(model, recipe):
    """Initial weights in the order of the layers: uniform numbers over the square root of the fan-in.

    The bias and the filters of the whitening follow behind all of them, and what the recipe says of initial weights comes last.
    """
    numbers = Numbers(2)
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    for name, parameter in trained.items():
        if not name.endswith("bias") and not reference.is_scale(name):
            fan_in = parameter[0].numel()
            parameter.copy_(numbers.units(parameter.numel()).view(parameter.shape) / fan_in**0.5)
    if recipe["stem"].get("bias") == "uniform":
        whiten = model.stem.whiten
        whiten.bias.copy_(numbers.units(whiten.bias.numel()) / whiten.weight[0].numel() ** 0.5)
    if recipe["stem"]["kind"] == "whiten":
        # Until they are fitted.
        filters = model.stem.whiten.weight
        filters.copy_(numbers.units(filters.numel()).view(filters.shape) / filters[0].numel() ** 0.5)
    reference.apply_init(model, recipe)


# Numbers in the file


def rounded(value):
    """12 significant digits: more than two ways to compute the same agree in."""
    return float(f"{float(value):.12g}")


def rounded_all(values):
    return [rounded(value) for value in values]


def summary(tensor):
    flat = tensor.detach().double().contiguous().flatten()
    samples = [flat[index * 997 % len(flat)] for index in range(16)]
    return {"sum": rounded(flat.sum()), "abs": rounded(flat.abs().sum()), "samples": rounded_all(samples)}


def public_name(name, trains_scale):
    """The name of one of the reference's tensors in the file, None for those that no training changes."""
    if reference.is_scale(name):
        name = re.sub("weight$", "scale" if trains_scale else "constant", name)
    name = name.replace("running_var", "running_variance")
    name = re.sub(r"^stem\.whiten\.", "whitening.", name)
    name = re.sub(r"^stem\.(project|conv)\.", "stem.", name)
    name = re.sub(r"^linear\.", "head.", name)
    name = re.sub(r"^blocks\.(\d+)", r"blocks[\1]", name)
    name = re.sub(r"(conv|norm)s\.(\d+)", lambda found: f"{found[1]}{int(found[2]) + 1}", name)
    is_constant = re.search(r"(num_batches_tracked|constant)$", name)
    return None if is_constant else name


def tensors_of(model, recipe):
    trains_scale = recipe["norm"]["train_scale"]
    named = {public_name(name, trains_scale): value for name, value in model.state_dict().items()}
    return {name: summary(value) for name, value in named.items() if name is not None}


def watch(model):
    """Has the next forward pass noted down; returns the list and a function that ends this."""
    seen, hooks = [], []

    def note(name, module):
        hooks.append(module.register_forward_hook(lambda _, __, output: seen.append([name, summary(output)])))

    if isinstance(model.stem, reference.WhitenStem):
        note("whitening", model.stem.whiten)
    note("stem", model.stem)
    for number, block in enumerate(model.blocks):
        for index, (conv, norm) in enumerate(zip(block.convs, block.norms), 1):
            note(f"blocks[{number}].conv{index}", conv)
            note(f"blocks[{number}].norm{index}", norm)
        note(f"blocks[{number}]", block)
    hooks.append(
        model.linear.register_forward_pre_hook(lambda _, inputs: seen.append(["pooled", summary(inputs[0])]))
    )
    note("logits", model)
    return seen, lambda: [hook.remove() for hook in hooks]


# Cases


def prepared(recipe, kind=reference.Trainer, images=data):
    """A trainer in double precision with the shared initial weights."""
    trainer = kind(recipe, images(), 1)
    trainer.model.double().train()
    set_weights(trainer.model, trainer.recipe)
    trainer.begin_average()
    if recipe["stem"]["kind"] == "whiten":
        images = trainer.data.train_images[: recipe["stem"]["images"]]
        reference.fit_whitening(trainer.model, images, trainer.recipe["stem"])
    return trainer


def check_losses(name, losses):
    """A case that diverges or learns nothing would compare rounding errors."""
    is_falling = all(map(math.isfinite, losses)) and sum(losses[-5:]) / 5 < losses[0]
    if not is_falling or len(losses) != STEPS:
        raise ValueError(f"{name} does not train: {losses}")


def case(name, changes):
    recipe = {**copy.deepcopy(BASE), **copy.deepcopy(changes)}
    trainer = prepared(recipe)
    whitening = None
    if recipe["stem"]["kind"] == "whiten":
        whitening = rounded_all(trainer.model.stem.whiten.weight.flatten())
    everything = torch.arange(IMAGES)
    seen, stop = watch(trainer.model)
    losses = [float(trainer.step(everything)) / reference.REFERENCE_BATCH]
    forward = list(seen)
    stop()
    losses += [float(trainer.step(everything)) / reference.REFERENCE_BATCH for _ in range(trainer.total_steps - 1)]
    check_losses(name, losses)
    logits = trainer.evaluation_logits()
    return {
        "recipe": recipe,
        "whitening": whitening,
        "forward": forward,
        "losses": rounded_all(losses),
        "correct": trainer.evaluate(),
        "logits": summary(logits),
        "trained": tensors_of(trainer.model, trainer.recipe),
        "evaluated": tensors_of(trainer.evaluated_model(), trainer.recipe),
    }


# Schedules


def one_cycle(peak, start, end):
    return {"peak": peak, "start": start, "end": end}


# hlb-CIFAR10 v0.4.0 begins at 1e-16 of the peak; the study of hlb-imagenette ran the others over 450 steps.
HLB = one_cycle(0.15, 1e-16, 1e-24)
EXPONENTIAL = {"kind": "exponential", "end": 0.99**450}
STUDIED = {"kind": "cyclic", "rise": 0.1, "floor": 0.0, "peaks": {"kind": "equal"}}
HALVING, SHRINKING = {"kind": "halving"}, {"kind": "shrinking", "end": 0.03125}
FOUR_UP = {"kind": "cyclic", "rise": 4 / 225, "floor": 0.1, "peaks": {"kind": "equal"}}

SCHEDULES = {
    "one-cycle-linear": (LINEAR, STEPS),
    "one-cycle-linear-hlb-225": ({"kind": "one_cycle_linear", **HLB}, 225),
    "one-cycle-linear-hlb-450": ({"kind": "one_cycle_linear", **HLB}, 450),
    "one-cycle-linear-ends": ({"kind": "one_cycle_linear", **one_cycle(0.23, 0.2, 0.07)}, STEPS),
    "one-cycle-cosine": ({"kind": "one_cycle_cosine", **one_cycle(0.3, 0.1, 0.01)}, STEPS),
    "one-cycle-cosine-hlb-450": ({"kind": "one_cycle_cosine", **HLB}, 450),
    "exponential": ({"kind": "exponential", "end": 0.05}, STEPS),
    "exponential-450": (EXPONENTIAL, 450),
    "cosine": ({"kind": "cosine", "half_wave": 0.4, "floor": 0.1}, STEPS),
    "cosine-half-450": ({"kind": "cosine", "half_wave": 1.0, "floor": 0.0}, 450),
    "cosine-waves-450": ({"kind": "cosine", "half_wave": 0.2, "floor": 0.0}, 450),
    "cosine-restarts": ({"kind": "cosine_restarts", "first": 0.14, "growth": 2, "floor": 0.05}, STEPS),
    # 0.14 * 50 is a little over 7 in binary fractions; step 7 begins a wave nevertheless.
    "cosine-restarts-even": ({"kind": "cosine_restarts", "first": 0.14, "growth": 1, "floor": 0.1}, STEPS),
    "cosine-restarts-450": ({"kind": "cosine_restarts", "first": 1.0, "growth": 1, "floor": 0.0}, 450),
    "cosine-restarts-growing-450": (
        {"kind": "cosine_restarts", "first": 0.1, "growth": 2, "floor": 0.0},
        450,
    ),
    "cyclic-equal": (CYCLIC, STEPS),
    "cyclic-halving": ({**CYCLIC, "peaks": HALVING}, STEPS),
    "cyclic-shrinking": ({**CYCLIC, "peaks": SHRINKING}, STEPS),
    "cyclic-momentum": ({**CYCLIC, **CYCLED}, STEPS),
    "cyclic-momentum-halving": ({**CYCLIC, **CYCLED, "peaks": HALVING}, STEPS),
    "cyclic-momentum-shrinking": ({**CYCLIC, **CYCLED, "peaks": SHRINKING}, STEPS),
    "cyclic-equal-450": ({**STUDIED, **CYCLED}, 450),
    "cyclic-halving-450": ({**STUDIED, **CYCLED, "peaks": HALVING}, 450),
    "cyclic-shrinking-450": ({**STUDIED, **CYCLED, "peaks": SHRINKING}, 450),
    "cyclic-four-up-225": (FOUR_UP, 225),
    "triangle": ({"kind": "triangle", **one_cycle(0.23, 0.2, 0.07)}, STEPS),
    "triangle-225": ({"kind": "triangle", **one_cycle(0.1, 0.2, 0.0)}, 225),
    "triangle-at-once": ({"kind": "triangle", **one_cycle(0.0, 0.5, 0.1)}, STEPS),
    "linear": ({"kind": "linear", "over": 1.0}, STEPS),
    "linear-part-225": ({"kind": "linear", "over": 0.4}, 225),
    "constant": ({"kind": "constant"}, STEPS),
    "piecewise": (POINTS, STEPS),
    "piecewise-225": (POINTS, 225),
}


def one_cycle_scheduler(optimizer, schedule, total, strategy):
    start, end = schedule["start"], schedule["end"]
    return lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=1.0,
        total_steps=total,
        pct_start=schedule["peak"],
        anneal_strategy=strategy,
        cycle_momentum=False,
        div_factor=1 / start if start > 0 else math.inf,
        final_div_factor=start / end if end > 0 else math.inf,
    )


def cyclic_scheduler(optimizer, schedule, total):
    momentum = schedule.get("momentum", {"low": 0.8, "high": 0.9})
    peaks = schedule["peaks"]
    return lr_scheduler.CyclicLR(
        optimizer,
        base_lr=schedule["floor"],
        max_lr=1.0,
        step_size_up=round(schedule["rise"] * total),
        mode={"equal": "triangular", "halving": "triangular2", "shrinking": "exp_range"}[peaks["kind"]],
        gamma=peaks.get("end", 1.0) ** (1 / total),
        cycle_momentum="momentum" in schedule,
        base_momentum=momentum["low"],
        max_momentum=momentum["high"],
    )


def joined(points):
    """Straight lines between points, in the other common form: a sum of hinges."""
    slopes = [(high - low) / (end - begin) for (begin, low), (end, high) in zip(points, points[1:])]
    bends = [after - before for before, after in zip([0.0, *slopes], slopes)]
    hinges = [(begin, bend) for (begin, _), bend in zip(points, bends)]
    return lambda at: points[0][1] + sum(bend * max(0.0, at - begin) for begin, bend in hinges)


def by_lambda(schedule, total):
    """The schedules that PyTorch has no class for."""
    match schedule["kind"]:
        case "triangle":
            top = int(schedule["peak"] * total)
            points = [(0, schedule["start"]), (top, 1.0), (total, schedule["end"])]
            return joined(points if top > 0 else points[1:])
        case "linear":
            return joined([(0, 1.0), (schedule["over"] * total, 0.0), (10 * total, 0.0)])
        case "constant":
            return lambda step: 1.0
        case "piecewise":
            return joined([(at * total, height) for at, height in schedule["points"]])


def scheduler_of(optimizer, schedule, total):
    """PyTorch's own scheduler."""
    match schedule["kind"]:
        case "one_cycle_linear":
            return one_cycle_scheduler(optimizer, schedule, total, "linear")
        case "one_cycle_cosine":
            return one_cycle_scheduler(optimizer, schedule, total, "cos")
        case "exponential":
            return lr_scheduler.ExponentialLR(optimizer, gamma=schedule["end"] ** (1 / total))
        case "cosine":
            half_wave = round(schedule["half_wave"] * total)
            return lr_scheduler.CosineAnnealingLR(optimizer, half_wave, eta_min=schedule["floor"])
        case "cosine_restarts":
            first, growth = round(schedule["first"] * total), schedule["growth"]
            return lr_scheduler.CosineAnnealingWarmRestarts(optimizer, first, growth, eta_min=schedule["floor"])
        case "cyclic":
            return cyclic_scheduler(optimizer, schedule, total)
    return lr_scheduler.LambdaLR(optimizer, by_lambda(schedule, total))


def schedule_of(name, schedule, total):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0, momentum=0.9)
    scheduler = scheduler_of(optimizer, schedule, total)
    group, factors, momenta = optimizer.param_groups[0], [], []
    for _ in range(total):
        factors.append(float(group["lr"]))
        momenta.append(float(group["momentum"]))
        optimizer.step()
        if len(factors) < total:
            scheduler.step()
    check_schedule(name, schedule, factors, momenta)
    moves = schedule.get("momentum") is not None
    return {
        "schedule": schedule,
        "steps": total,
        "factors": rounded_all(factors),
        "momenta": rounded_all(momenta) if moves else None,
    }


def check_schedule(name, schedule, factors, momenta):
    """The reference's closed form against what the scheduler did."""
    total = len(factors)
    for step, (factor, momentum) in enumerate(zip(factors, momenta)):
        own, own_momentum = reference.rate_factor(schedule, step, total), reference.momentum_at(schedule, step, total)
        if abs(own - factor) > 1e-11 or abs((own_momentum or momentum) - momentum) > 1e-11:
            raise ValueError(f"{name}, step {step}: {factor} and {momentum}, not {own} and {own_momentum}")


# Augmentation


CROP = {"pad": 2, "crop": SIDE, "flip": False}
CUTMIX, JITTER = {"size": 7, "epochs": 2}, {"brightness": 0.14, "contrast": 0.13}

# What is done, and the side that the crops are scaled to.
AUGMENTS = {
    "crop": (CROP, None),
    "crop-flip": ({**CROP, "flip": True}, None),
    "crop-18": ({**CROP, "pad": 4, "crop": 18, "flip": "alternating"}, None),
    "last-offset": ({**CROP, "last_offset": False}, None),
    "cutout": ({**CROP, "cutout": 5}, None),
    "cutmix": ({**CROP, "cutmix": CUTMIX}, None),
    "jitter": ({**CROP, "jitter": JITTER}, None),
    "smaller": (CROP, 12),
    "smaller-8": ({**CROP, "flip": True}, 8),
    "everything": ({**CROP, "flip": True, "cutout": 6, "cutmix": CUTMIX, "jitter": JITTER}, 10),
}
COUNT = 8


def choices_of(augment):
    """What would be drawn at random, from the shared generator; the extremes of every range are among it."""
    numbers = Numbers(3)

    def spots(span):
        return [0, span - 1, *numbers.below(span, COUNT - 2)]

    def spread(most):
        return [most, -most, *rounded_all(numbers.units(COUNT - 2) * most)]

    span = SIDE + 2 * augment["pad"] - augment["crop"] + (1 if augment["last_offset"] else 0)
    choices = {"order": numbers.below(IMAGES, COUNT), "top": spots(span), "left": spots(span)[::-1]}
    if augment["flip"]:
        choices["flips"] = [number == 1 for number in spots(2)]
    if augment["cutout"]:
        free = augment["crop"] - augment["cutout"] + 1
        choices |= {"cut_top": spots(free), "cut_left": spots(free)[::-1]}
    if augment["cutmix"]:
        free = augment["crop"] - augment["cutmix"]["size"] + 1
        choices |= {"mix_top": spots(free), "mix_left": spots(free)[::-1]}
    if augment["jitter"]:
        choices["brightness"] = spread(augment["jitter"]["brightness"])
        choices["contrast"] = [rounded(1 + change) for change in spread(augment["jitter"]["contrast"])[::-1]]
    return choices


def augmented(augment, side):
    full = {**reference.DEFAULTS["augment"], **augment}
    choices = choices_of(full)
    tensors = {name: torch.tensor(choice) for name, choice in choices.items()}
    for name in ("brightness", "contrast"):
        if name in choices:
            tensors[name] = torch.tensor(choices[name], dtype=torch.float64)
    padded = reference.pad(data().train_images, full["pad"])[tensors["order"]]
    images = reference.augment_batch(padded, full, tensors)
    return {
        "augment": augment,
        "side": side,
        "choices": choices,
        "images": summary(reference.resize(images, side or full["crop"])),
        "labels": data().train_labels[tensors["order"]].tolist(),
        "mixed_share": rounded(reference.mixed_share(full)) if full["cutmix"] else None,
    }


# The file


def text_of(value, depth=0):
    """JSON with a line for each thing that is compared, so that a difference can be read."""
    if not isinstance(value, dict) or not value or depth == 4 or "samples" in value:
        return json.dumps(value, separators=(",", ":"))
    space = " " * (depth + 1)
    lines = [f"{space}{json.dumps(key)}: {text_of(part, depth + 1)}" for key, part in value.items()]
    return "{\n" + ",\n".join(lines) + "\n" + " " * depth + "}"


def main():
    torch.set_num_threads(1)
    folder = Path(__file__).parent
    # A test compares these digests, so that golden.json cannot fall behind the scripts that make it.
    made_by = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("golden.py", "reference.py")}
    document = {
        "torch": torch.__version__,
        "made_by": made_by,
        "cases": {name: case(name, changes) for name, changes in VARIANTS.items()},
        "schedules": {name: schedule_of(name, *schedule) for name, schedule in SCHEDULES.items()},
        "augment": {name: augmented(*augment) for name, augment in AUGMENTS.items()},
    }
    (folder / "golden.json").write_text(text_of(document) + "\n")


if __name__ == "__main__":
    main()
