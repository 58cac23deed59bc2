"""The trainer once more, in plain PyTorch.

An independent implementation of `hlb-bench-trainer`: same recipe (as JSON), same data, written as an ordinary good PyTorch
user would write it, eagerly and without tricks. Tests compare numbers with it, the benchmark compares seconds per step.

    reference.py train     --recipe R.json --data DIR --seed S
    reference.py step-time --recipe R.json --data DIR --steps N --warmup W --threads T

DIR holds raw bytes: {train,eval}-images.u8 (image, row, column, channel), {train,eval}-labels.u8 and shape.json.
The model is the SpeedyResNet of hlb-CIFAR10 v0.4.0 (Tysam Balsbaugh); the tricks are those of its later versions, of
cifar10-airbench (Keller Jordan, arXiv 2404.00498) and of hiverge/cifar10-speedrun. Blocks of their own numbers of
convolutions, CELU, trained scales and a padded whitening are those of ResNet-9 (David Page, 2018 and 2019).
"""

import argparse
import copy
import json
import math
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

EVAL_BATCH = 500
REFERENCE_BATCH = 512


# Recipe

GROUP = {"schedule": None, "momentum": None, "rule": {"kind": "sgd"}}
MUON = {"coefficients": [3.4445, -4.7750, 2.0315], "renormalise_grows": 0.0, "renormalise_rounds": False}
WHITEN = {
    "kernel": 2,
    "padded": False,
    "project": True,
    "norm": True,
    "sign_pairs": False,
    "bias": None,
    "centred": True,
    "chunk": None,
    "half": False,
}
DEFAULTS = {
    "last_whole_epoch_is_empty": False,
    "resolution": [],
    "activation": "gelu",
    "stem_activation": None,
    "celu_alpha": 1.0,
    "pool_head": "max",
    "freeze": [],
    "augment": {"last_offset": True, "cutout": 0, "cutmix": None, "jitter": None, "channels_last": True},
    "stem": WHITEN,
    "blocks": {"convs": 2, "residual": "after_activation"},
    "norm": {
        "average_takes_first_part": False,
        "evaluation_collates": False,
        "ghost_stem": False,
        "scale": 1.0,
        "train_scale": False,
    },
    "init": {"convolutions": "default", "head": "default"},
    "loss": {"scale": 1.0, "half": False},
    "evaluate": {"multi_crop": False, "crop_weights": "halved", "least_confident": None},
}
AVERAGE = {"begins": "trained", "power": 0.0, "copy_back": False, "statistics": True}


def complete(recipe):
    """The recipe with every key that it may leave out; what a key means without being there is its default."""
    full = copy.deepcopy(recipe)
    for key, value in DEFAULTS.items():
        full[key] = {**value, **full.get(key, {})} if isinstance(value, dict) else full.get(key, value)
    if full["average"] is not None:
        full["average"] = {**AVERAGE, **full["average"]}
    for name, group in full["optimizer"].items():
        if isinstance(group, dict):
            full["optimizer"][name] = complete_group(group)
    return full


def complete_group(group):
    group = {**GROUP, **group}
    if group["rule"]["kind"] == "muon":
        group["rule"] = {**MUON, **group["rule"]}
    return group


def planned_steps(recipe, steps_per_epoch):
    """Updates that the schedule counts; the last epoch may be a part of one."""
    # A product such as 1.1 * 10 may come out a little over the whole number that is meant.
    return max(1, math.ceil(recipe["epochs"] * steps_per_epoch - 1e-6))


def trained_steps(recipe, steps_per_epoch):
    """Updates that are made. hlb-CIFAR10 from v0.5.0 on leaves the last epoch empty if their number is whole."""
    steps = planned_steps(recipe, steps_per_epoch)
    if recipe["last_whole_epoch_is_empty"] and recipe["epochs"] == int(recipe["epochs"]):
        steps = max(1, steps - steps_per_epoch)
    return steps


# Schedules: closed forms of torch.optim.lr_scheduler and of airbench


def line(start, end, share):
    return start + (end - start) * share


def wave(start, end, share):
    """Half a wave of the cosine; it goes back from there."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def one_cycle(schedule, step, total, shape):
    """PyTorch's OneCycleLR has its peak at `peak * total - 1`, in general between two steps."""
    top = schedule["peak"] * total - 1
    if step <= top and top > 0:
        return shape(schedule["start"], 1.0, step / top)
    if total - 1 <= top:
        return 1.0
    return shape(1.0, schedule["end"], min(max((step - top) / (total - 1 - top), 0.0), 1.0))


def cosine_restarts(schedule, step, total):
    length = schedule["first"] * total
    # A product such as 0.14 * 50 is a little over 7: without the allowance step 7 would end a wave, not begin one.
    while step >= length - 1e-6:
        step -= length
        length *= schedule["growth"]
    return wave(1.0, schedule["floor"], max(step, 0.0) / length)


def cyclic_height(schedule, step, total):
    """How far a cyclic schedule is between its low (0) and its first peak (1)."""
    rise = schedule["rise"] * total
    cycle = math.floor(step / (2 * rise))
    done = step / rise - 2 * cycle
    height = done if done <= 1 else 2 - done
    peaks = schedule["peaks"]
    if peaks["kind"] == "halving":
        return height * 0.5**cycle
    if peaks["kind"] == "shrinking":
        return height * peaks["end"] ** (step / total)
    return height


def triangle(schedule, step, total):
    top = math.floor(schedule["peak"] * total)
    if step < top:
        return line(schedule["start"], 1.0, step / top)
    return line(1.0, schedule["end"], (step - top) / (total - top))


def piecewise(schedule, step, total):
    at, points = step / total, schedule["points"]
    for (begin, low), (end, high) in zip(points, points[1:]):
        if at < end:
            return line(low, high, (at - begin) / (end - begin))
    return points[-1][1]


def rate_factor(schedule, step, total):
    """Learning rate of a step (from 0) of `total` as a share of its peak."""
    match schedule["kind"]:
        case "one_cycle_linear":
            return one_cycle(schedule, step, total, line)
        case "one_cycle_cosine":
            return one_cycle(schedule, step, total, wave)
        case "exponential":
            return schedule["end"] ** (step / total)
        case "cosine":
            return wave(1.0, schedule["floor"], step / (schedule["half_wave"] * total))
        case "cosine_restarts":
            return cosine_restarts(schedule, step, total)
        case "cyclic":
            return line(schedule["floor"], 1.0, cyclic_height(schedule, step, total))
        case "triangle":
            return triangle(schedule, step, total)
        case "linear":
            return max(0.0, 1 - step / (schedule["over"] * total))
        case "constant":
            return 1.0
        case "piecewise":
            return piecewise(schedule, step, total)
    raise ValueError(f"no such schedule: {schedule}")


def momentum_at(schedule, step, total):
    """The momentum of a step where the schedule moves it, against the rate as CyclicLR does; else None."""
    cycle = schedule.get("momentum")
    if cycle is None:
        return None
    return line(cycle["high"], cycle["low"], cyclic_height(schedule, step, total))


# Data


@dataclass
class Data:
    """Normalized images (N, C, H, W) and labels of both splits, on one device."""

    train_images: torch.Tensor
    train_labels: torch.Tensor
    eval_images: torch.Tensor
    eval_labels: torch.Tensor
    channels: int
    classes: int


def read_bytes(path):
    return torch.frombuffer(bytearray(Path(path).read_bytes()), dtype=torch.uint8)


def load_data(folder, device="cpu", dtype=torch.float32):
    """Reads a data folder and normalises both splits with the mean and deviation of the training split."""
    folder = Path(folder)
    shape = json.loads((folder / "shape.json").read_text())

    def images(split):
        size = (shape[split], shape["height"], shape["width"], shape["channels"])
        return read_bytes(folder / f"{split}-images.u8").view(size).permute(0, 3, 1, 2).float() / 255

    train, evaluation = images("train"), images("eval")
    std, mean = torch.std_mean(train, dim=(0, 2, 3), keepdim=True)

    def finish(images):
        images = (images - mean) / std
        return images.to(device, dtype, memory_format=torch.channels_last)

    def labels(split):
        return read_bytes(folder / f"{split}-labels.u8").long().to(device)

    return Data(
        finish(train), labels("train"), finish(evaluation), labels("eval"), shape["channels"], shape["classes"]
    )


def pad(images, pixels):
    if pixels == 0:
        return images
    return F.pad(images, (pixels,) * 4, mode="reflect").contiguous(memory_format=torch.channels_last)


# Augmentation: what is random is drawn first, so that a test can choose it instead


def draw_choices(padded, coins, augment, epoch, mixed, generator):
    """What is chosen at random for a batch of padded images. `coins` are those that alternating flips toss once."""
    count, _, height, width = padded.shape
    crop = augment["crop"]
    # hlb-CIFAR10 before v0.7.0 never reaches the last row and column.
    last = 1 if augment["last_offset"] else 0

    def whole(below):
        return torch.randint(max(below, 1), (count,), generator=generator)

    def around_zero(most):
        return (torch.rand(count, generator=generator) * 2 - 1) * most

    choices = {"top": whole(height - crop + last), "left": whole(width - crop + last)}
    if augment["flip"] == "alternating":
        choices["flips"] = coins ^ (epoch % 2 == 1)
    elif augment["flip"]:
        choices["flips"] = torch.rand(count, generator=generator) < 0.5
    if augment["cutout"] > 0:
        free = crop - augment["cutout"] + 1
        choices |= {"cut_top": whole(free), "cut_left": whole(free)}
    if mixed:
        free = crop - augment["cutmix"]["size"] + 1
        choices |= {"mix_top": whole(free), "mix_left": whole(free)}
    if augment["jitter"] is not None:
        choices["brightness"] = around_zero(augment["jitter"]["brightness"])
        choices["contrast"] = 1 + around_zero(augment["jitter"]["contrast"])
    return {name: choice.to(padded.device) for name, choice in choices.items()}


def crop_images(padded, side, top, left):
    """A square of its own out of each image."""
    span = torch.arange(side, device=padded.device)
    rows = (top[:, None] + span)[:, :, None]
    columns = (left[:, None] + span)[:, None, :]
    image = torch.arange(len(padded), device=padded.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[image, rows, columns].permute(0, 3, 1, 2)


def square_mask(images, size, top, left):
    """True in a square of its own of each image, for all of its channels."""
    span = torch.arange(images.shape[-1], device=images.device)
    rows = (span >= top[:, None]) & (span < top[:, None] + size)
    columns = (span >= left[:, None]) & (span < left[:, None] + size)
    return (rows[:, :, None] & columns[:, None, :])[:, None]


def per_image(values, images):
    return values.to(images.dtype)[:, None, None, None]


def augment_batch(padded, augment, choices):
    """The training images that follow from padded ones and from what was chosen for them."""
    images = crop_images(padded, augment["crop"], choices["top"], choices["left"])
    if "flips" in choices:
        images = torch.where(choices["flips"][:, None, None, None], images.flip(3), images)
    if "cut_top" in choices:
        hole = square_mask(images, augment["cutout"], choices["cut_top"], choices["cut_left"])
        images = images.masked_fill(hole, 0)
    if "mix_top" in choices:
        square = square_mask(images, augment["cutmix"]["size"], choices["mix_top"], choices["mix_left"])
        images = torch.where(square, images.roll(-1, 0), images)
    if "brightness" in choices:
        brightness = per_image(choices["brightness"], images)
        images = (images + brightness) * per_image(choices["contrast"], images)
    return images


def mixed_share(augment):
    """Share of an image that cutmix takes from the next one of the batch."""
    return augment["cutmix"]["size"] ** 2 / augment["crop"] ** 2


def resize(images, side):
    if images.shape[-1] == side:
        return images
    return F.interpolate(images, size=(side, side), mode="bilinear", antialias=True, align_corners=False)


def side_at(recipe, step, total):
    """Side of the images of a step (from 0): training may begin on smaller ones."""
    for stage in recipe["resolution"]:
        if step < stage["until"] * total:
            return stage["side"]
    return recipe["augment"]["crop"]


# Model


ACTIVATIONS = {"gelu": nn.GELU, "silu": nn.SiLU, "relu": nn.ReLU, "identity": nn.Identity}


def activation_of(name, recipe):
    return nn.CELU(recipe["celu_alpha"]) if name == "celu" else ACTIVATIONS[name]()


def stem_activation(recipe):
    return activation_of(recipe["stem_activation"] or recipe["activation"], recipe)


def per_block(setting, block):
    """A setting that may be a list of one value for each block."""
    return setting[block] if isinstance(setting, list) else setting


class Norm(nn.BatchNorm2d):
    """Batch normalisation whose scale is frozen unless the recipe trains it."""

    def __init__(self, channels, settings):
        super().__init__(channels, eps=settings["eps"], momentum=settings["momentum"])
        nn.init.constant_(self.weight, settings["scale"])
        self.weight.requires_grad_(settings["train_scale"])


class GhostNorm(nn.Module):
    """The same with statistics per part of the batch: image n belongs to part n mod `parts`."""

    def __init__(self, channels, settings):
        super().__init__()
        self.parts, self.channels = settings["ghost_batches"], channels
        self.collates = settings["evaluation_collates"]
        self.eps, self.momentum = settings["eps"], settings["momentum"]
        self.takes_first_part = False
        self.weight = nn.Parameter(torch.full((channels,), settings["scale"]), requires_grad=settings["train_scale"])
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(self.parts * channels))
        self.register_buffer("running_var", torch.ones(self.parts * channels))

    def collected(self, statistics):
        """One statistic of a channel for evaluation."""
        parts = statistics.view(self.parts, self.channels)
        return parts[0] if self.takes_first_part else parts.mean(0)

    def train(self, mode=True):
        """hlb-CIFAR10 evens the parts out for good when an evaluation begins, and when a copy is made for the average."""
        if self.collates and self.training and not mode:
            for statistics in (self.running_mean, self.running_var):
                statistics.copy_(statistics.view(self.parts, self.channels).mean(0).repeat(self.parts))
        return super().train(mode)

    def forward(self, x):
        if not self.training:
            mean, var = self.collected(self.running_mean), self.collected(self.running_var)
            return F.batch_norm(x, mean, var, self.weight, self.bias, False, self.momentum, self.eps)
        _, _, height, width = x.shape
        grouped = x.reshape(-1, self.parts * self.channels, height, width)
        weight, bias = self.weight.repeat(self.parts), self.bias.repeat(self.parts)
        y = F.batch_norm(
            grouped, self.running_mean, self.running_var, weight, bias, True, self.momentum, self.eps
        )
        return y.view(x.shape)


def group_norm(channels, settings):
    return Norm(channels, settings) if settings["ghost_batches"] == 1 else GhostNorm(channels, settings)


def stem_norm(channels, settings):
    return group_norm(channels, settings) if settings["ghost_stem"] else Norm(channels, settings)


def conv3x3(inputs, outputs):
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)


class WhitenStem(nn.Module):
    """Frozen whitening convolution, then a trained 1x1 convolution unless the blocks take the patches as they are."""

    def __init__(self, channels, recipe):
        super().__init__()
        stem = recipe["stem"]
        patches = channels * stem["kernel"] ** 2 * (2 if stem["sign_pairs"] else 1)
        frame = 1 if stem["padded"] else 0
        self.whiten = nn.Conv2d(channels, patches, stem["kernel"], padding=frame, bias=stem["bias"] is not None)
        self.whiten.weight.requires_grad_(False)
        self.projects = stem["project"]
        if self.projects:
            self.project = nn.Conv2d(patches, stem["width"], 1, bias=False)
            self.norm = stem_norm(stem["width"], recipe["norm"]) if stem["norm"] else nn.Identity()
        self.act = stem_activation(recipe)

    def forward(self, x):
        x = self.whiten(x)
        if self.projects:
            x = self.norm(self.project(x))
        return self.act(x)


class ConvStem(nn.Module):
    """One trained 3x3 convolution in its place."""

    def __init__(self, channels, recipe):
        super().__init__()
        width = recipe["stem"]["width"]
        self.conv = conv3x3(channels, width)
        self.norm = stem_norm(width, recipe["norm"])
        self.act = stem_activation(recipe)

    def forward(self, x):
        return self.act(self.norm(self.conv(x)))


class Block(nn.Module):
    """A convolution that pools, then further ones around which its output may be added again."""

    def __init__(self, number, inputs, outputs, recipe):
        super().__init__()
        blocks = recipe["blocks"]
        self.pool_before_norm = {"before_norm": True, "after_activation": False}[blocks["pool"]]
        self.residual = per_block(blocks["residual"], number)
        sources = [inputs] + [outputs] * (per_block(blocks["convs"], number) - 1)
        self.convs = nn.ModuleList(conv3x3(source, outputs) for source in sources)
        self.norms = nn.ModuleList(group_norm(outputs, recipe["norm"]) for _ in sources)
        self.act = activation_of(recipe["activation"], recipe)

    def first(self, x):
        x = self.convs[0](x)
        if self.pool_before_norm:
            return self.act(self.norms[0](F.max_pool2d(x, 2)))
        return F.max_pool2d(self.act(self.norms[0](x)), 2)

    def forward(self, x):
        x = first = self.first(x)
        last = len(self.convs) - 1
        for index in range(1, last + 1):
            x = self.norms[index](self.convs[index](x))
            if index == last and self.residual == "before_activation":
                x = x + first
            x = self.act(x)
        return x + first if self.residual == "after_activation" else x


class SpeedyResNet(nn.Module):
    def __init__(self, recipe, in_channels, classes):
        super().__init__()
        kind = {"whiten": WhitenStem, "conv": ConvStem}[recipe["stem"]["kind"]]
        self.stem = kind(in_channels, recipe)
        widths = [recipe["stem"]["width"], *recipe["blocks"]["widths"]]
        ends = enumerate(zip(widths, widths[1:]))
        self.blocks = nn.Sequential(*(Block(number, i, o, recipe) for number, (i, o) in ends))
        self.linear = nn.Linear(widths[-1], classes, bias=False)
        self.pool = {"max": torch.amax, "mean": torch.mean}[recipe["pool_head"]]
        self.logit_scale = recipe["logit_scale"]

    def forward(self, x):
        return self.linear(self.pool(self.blocks(self.stem(x)), dim=(2, 3))) * self.logit_scale


@torch.no_grad()
def apply_init(model, recipe):
    """What the recipe changes about weights that have PyTorch's default initialisation."""
    stem, init = recipe["stem"], recipe["init"]
    if stem["kind"] == "whiten" and stem["bias"] == "zero":
        nn.init.zeros_(model.stem.whiten.bias)
    convolutions = init["convolutions"]
    if convolutions == "dirac":
        if stem["kind"] == "whiten":
            identity_part(model.stem.whiten.weight)
        for block in model.blocks:
            for conv in block.convs:
                identity_part(conv.weight)
    if convolutions in ("dirac_second", "dirac_standardised"):
        if stem["kind"] == "whiten" and stem["project"]:
            nn.init.dirac_(model.stem.project.weight)
        for block in model.blocks:
            for conv in block.convs[1:]:
                nn.init.dirac_(conv.weight)
    if convolutions == "dirac_standardised":
        for block in model.blocks:
            add_identity(block.convs[0].weight)
    if init["head"] == "unit_deviation":
        model.linear.weight.div_(model.linear.weight.std())


def identity_part(weight):
    """The first outputs hand the inputs on unchanged, the others stay random (airbench)."""
    same = min(weight.shape[:2])
    nn.init.dirac_(weight[:same])


def add_identity(weight):
    """Adds the identity and brings the tensor back to its mean and deviation (hlb-CIFAR10 v0.7.0)."""
    std, mean = torch.std_mean(weight)
    weight.add_(nn.init.dirac_(torch.empty_like(weight)))
    new_std, new_mean = torch.std_mean(weight)
    weight.sub_(new_mean).mul_(std / new_std).add_(mean)


def build(recipe, in_channels, classes):
    """The recipe's network on the CPU in single precision, initialised from PyTorch's global generator."""
    model = SpeedyResNet(recipe, in_channels, classes)
    apply_init(model, recipe)
    return model.to(memory_format=torch.channels_last)


def fix_sign(vector):
    """The sign of an eigenvector is arbitrary: its first large entry is made positive, so that chunks agree."""
    large = vector.abs() >= 0.5 * vector.abs().max()
    return -vector if vector[large][0] < 0 else vector


def patch_directions(images, stem):
    """Eigenvalues of the patches' covariance, largest first, and eigenvectors as rows."""
    patches = F.unfold(images.double(), stem["kernel"]).transpose(0, 1).flatten(1)
    covariance = torch.cov(patches) if stem["centred"] else patches @ patches.T / patches.shape[1]
    values, vectors = torch.linalg.eigh(covariance)
    rows = vectors.flip(1).T
    return values.flip(0), torch.stack([fix_sign(row) for row in rows])


def whitening_filters(images, stem):
    """One flat filter a row, from all patches of `images` (normalised, not padded)."""
    chunks = images.split(stem["chunk"] or len(images))
    values, vectors = zip(*(patch_directions(chunk, stem) for chunk in chunks))
    # hlb-CIFAR10 gives a smaller last chunk the weight of the others.
    values, vectors = torch.stack(values).mean(0), torch.stack(vectors).mean(0)
    if stem["half"]:
        values, vectors = values.half(), vectors.half()
    filters = vectors / (values + stem["eps"]).sqrt()[:, None]
    return torch.cat([filters, -filters]) if stem["sign_pairs"] else filters


@torch.no_grad()
def fit_whitening(model, images, stem):
    """Sets the stem's frozen filters."""
    weight = model.stem.whiten.weight
    weight.copy_(whitening_filters(images, stem).view(weight.shape))


def place(model, recipe, device):
    """Moves the network to its device and number format."""
    dtype = compute_dtype(recipe, device)
    model = model.to(device, dtype)
    if recipe["norm"]["fp32"]:
        for module in model.modules():
            if isinstance(module, (Norm, GhostNorm)):
                module.float()
    return model


def compute_dtype(recipe, device):
    if recipe["precision"] == "auto":
        return torch.float16 if torch.device(device).type == "cuda" else torch.float32
    return {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[recipe["precision"]]


# Loss


def loss_of(logits, labels, settings, share=0.0):
    """Label-smoothed cross entropy summed over the batch and scaled to 512 images.

    `share` of each image comes from the next one of the batch, whose label counts as much (cutmix).
    """
    is_half = logits.dtype in (torch.float16, torch.bfloat16)
    if is_half and not settings["half"]:
        logits = logits.float()
    smoothing = settings["label_smoothing"]
    losses = F.cross_entropy(logits, labels, label_smoothing=smoothing, reduction="none")
    if share > 0:
        other = F.cross_entropy(logits, labels.roll(-1), label_smoothing=smoothing, reduction="none")
        losses = (1 - share) * losses + share * other
    total = (losses * settings["scale"]).sum() / settings["scale"]
    return total * (REFERENCE_BATCH / len(labels))


# Optimisers


def orthogonalised(update, iterations, coefficients):
    """Newton-Schulz iterations towards the nearest orthogonal matrix (Jordan, 2024)."""
    a, b, c = coefficients
    # As published: the iteration bears the few digits of bfloat16, not the narrow range of float16.
    x = update.bfloat16() if update.dtype == torch.float16 else update
    x = x / (x.norm() + 1e-7)
    is_tall = x.shape[0] > x.shape[1]
    if is_tall:
        x = x.T
    for _ in range(iterations):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.T if is_tall else x).to(update.dtype)


class Muon(torch.optim.Optimizer):
    """Momentum whose filters are made orthogonal, and now and then brought to a norm (airbench, hiverge)."""

    def __init__(self, parameters, lr, momentum, nesterov, weight_decay, rule, total_steps):
        defaults = {"lr": lr, "momentum": momentum, "nesterov": nesterov, "weight_decay": weight_decay}
        super().__init__(parameters, defaults)
        self.rule, self.total_steps = rule, total_steps
        self.step_count, self.next_rescaling, self.last_rescaling = 0, 0.0, -1

    def rescaling_is_due(self):
        every, grows = self.rule["renormalise_every"], self.rule["renormalise_grows"]
        if every and self.rule["renormalise_rounds"]:
            # hiverge: whole distances, asked for anew at each step; the first is counted from the step before the first.
            distance = int(every + grows * self.step_count / self.total_steps)
            is_due = self.step_count - self.last_rescaling >= distance
            self.last_rescaling = self.step_count if is_due else self.last_rescaling
            return is_due
        if every == 0 or self.step_count < self.next_rescaling:
            return False
        self.next_rescaling = self.step_count + every + grows * self.step_count / self.total_steps
        return True

    @torch.no_grad()
    def step(self):
        rescales = self.rescaling_is_due()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self.update(parameter, group, rescales)
        self.step_count += 1

    def update(self, parameter, group, rescales):
        gradient, momentum = parameter.grad, group["momentum"]
        state = self.state[parameter]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        buffer = state["momentum_buffer"].mul_(momentum).add_(gradient)
        update = gradient + momentum * buffer if group["nesterov"] else buffer
        outputs = len(parameter)
        if rescales:
            parameter.mul_(outputs**0.5 / (parameter.norm() + 1e-7))
        step = orthogonalised(update.reshape(outputs, -1), self.rule["iterations"], self.rule["coefficients"])
        parameter.sub_(group["lr"] * step.view(parameter.shape))
        parameter.mul_(1 - group["lr"] * group["weight_decay"])


class RatedSGD(torch.optim.Optimizer):
    """Momentum that sums up steps, each taken at the rate of its time (David Page)."""

    def __init__(self, parameters, lr, momentum, nesterov, weight_decay):
        defaults = {"lr": lr, "momentum": momentum, "nesterov": nesterov, "weight_decay": weight_decay}
        super().__init__(parameters, defaults)

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self.update(parameter, group)

    def update(self, parameter, group):
        now = -group["lr"] * (parameter.grad + group["weight_decay"] * parameter)
        steps = self.state[parameter].setdefault("steps", torch.zeros_like(parameter))
        steps.mul_(group["momentum"]).add_(now)
        parameter.add_(now + group["momentum"] * steps if group["nesterov"] else steps)


def is_scale(name):
    """Whether a parameter is the scale of a normalisation."""
    return "norm" in name and name.endswith("weight")


def set_of(name):
    """The set that a trained parameter belongs to."""
    if name == "stem.whiten.bias":
        return "whitening_bias"
    if name.endswith("bias"):
        return "biases"
    if is_scale(name):
        return "scales"
    return {"stem": "stem", "blocks": "filters", "linear": "head"}[name.split(".")[0]]


def group_of(name, settings):
    """The group of the recipe that updates a parameter: sets without a group of their own belong to another."""
    own = set_of(name)
    if own in settings:
        return own
    return "biases" if own == "whitening_bias" else "weights"


def make_optimizer(parameters, group, settings, total_steps):
    rule, lr, weight_decay = group["rule"], group["lr"], group["weight_decay"]
    momentum = settings["momentum"] if group["momentum"] is None else group["momentum"]
    nesterov = settings["nesterov"]
    if rule["kind"] == "adamw":
        betas = (rule["beta1"], rule["beta2"])
        return torch.optim.AdamW(parameters, lr=lr, betas=betas, eps=rule["eps"], weight_decay=weight_decay)
    if rule["kind"] == "muon":
        return Muon(parameters, lr, momentum, nesterov, weight_decay, rule, total_steps)
    kind = RatedSGD if settings.get("rate_in_momentum") else torch.optim.SGD
    return kind(parameters, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay)


def make_optimizers(model, recipe, total_steps):
    """An optimizer for each group of the recipe that has parameters, by the name of the group."""
    settings, members = recipe["optimizer"], {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            members.setdefault(group_of(name, settings), []).append(parameter)
    return {
        name: make_optimizer(parameters, settings[name], settings, total_steps)
        for name, parameters in members.items()
    }


# Evaluation


def mirrored(model, images):
    return (model(images) + model(images.flip(3))) / 2


def all_views(model, images, settings):
    """Logits of all augmented views of an image."""
    if not settings["mirror"]:
        return model(images)
    logits = mirrored(model, images)
    if settings["multi_crop"]:
        height, width = images.shape[2:]
        wider = F.pad(images, (1,) * 4, mode="reflect")
        up_left = mirrored(model, wider[:, :, :height, :width])
        down_right = mirrored(model, wider[:, :, 2:, 2:])
        if settings["crop_weights"] == "equal":
            return (logits + up_left + down_right) / 3
        logits = logits / 2 + (up_left + down_right) / 4
    return logits


def logits_of(model, images, settings):
    return torch.cat([all_views(model, batch, settings) for batch in images.split(EVAL_BATCH)])


def evaluation_logits(model, images, settings):
    """Logits of a split; if the recipe says so only the least confident images get more than one view (hiverge)."""
    share = settings["least_confident"]
    if share is None:
        return logits_of(model, images, settings)
    logits = logits_of(model, images, {**settings, "mirror": False})
    confidence = logits.double().softmax(1).amax(1)
    # To the nearest, half up: Python's `round` would take an even number.
    chosen = confidence.argsort()[: math.floor(share * len(images) + 0.5)]
    if len(chosen) > 0:
        logits[chosen] = logits_of(model, images[chosen], settings)
    return logits


# Training


class Trainer:
    """A network in training: takes one step at a time."""

    def __init__(self, recipe, data, seed, steps=None):
        """`steps` is the length of a run that does not follow from the recipe's epochs."""
        self.recipe, self.data = complete(recipe), data
        recipe, stem = self.recipe, self.recipe["stem"]
        self.device = data.train_images.device
        self.generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)
        self.steps_per_epoch = len(data.train_labels) // recipe["batch_size"]
        self.total_steps = steps or trained_steps(recipe, self.steps_per_epoch)
        self.schedule_steps = steps or planned_steps(recipe, self.steps_per_epoch)
        self.model = build(recipe, data.channels, data.classes)
        self.averaged = None
        self.begin_average()
        if stem["kind"] == "whiten":
            fit_whitening(self.model, data.train_images[: stem["images"]].cpu(), stem)
        self.model = place(self.model, recipe, self.device)
        if self.averaged is not None:
            self.averaged = place(self.averaged, recipe, self.device)
        self.optimizers = make_optimizers(self.model, recipe, self.schedule_steps)
        self.padded = pad(data.train_images, recipe["augment"]["pad"])
        self.coins = (torch.rand(len(data.train_labels), generator=self.generator) < 0.5).to(self.device)
        self.step_count = 0

    @property
    def epochs(self):
        """Epochs of the run, a last part of one included."""
        return math.ceil(self.total_steps / self.steps_per_epoch)

    @property
    def planned_epochs(self):
        """Epochs that the schedule counts: one more where hlb-CIFAR10 leaves the last one empty."""
        return math.ceil(self.schedule_steps / self.steps_per_epoch)

    def step(self, indices):
        """Trains on the images at `indices`; returns the loss as a tensor."""
        self.freeze()
        images, share = self.batch(indices)
        loss = loss_of(self.model(images), self.data.train_labels[indices], self.recipe["loss"], share)
        self.set_rates()
        for optimizer in self.optimizers.values():
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for optimizer in self.optimizers.values():
            optimizer.step()
        self.step_count += 1
        self.update_average()
        return loss.detach()

    def batch(self, indices):
        """Training images, and the share of each that comes from the next."""
        augment, epoch = self.recipe["augment"], self.step_count // self.steps_per_epoch
        cutmix = augment["cutmix"]
        mixed = cutmix is not None and epoch >= self.planned_epochs - cutmix["epochs"]
        images = augment_batch(self.padded[indices], augment, self.choices(indices, epoch, mixed))
        images = resize(images, side_at(self.recipe, self.step_count, self.schedule_steps))
        if not augment["channels_last"]:
            images = images.contiguous()
        return images, mixed_share(augment) if mixed else 0.0

    def choices(self, indices, epoch, mixed):
        """What is chosen at random for a batch; a test has choices of its own."""
        padded, coins = self.padded[indices], self.coins[indices]
        return draw_choices(padded, coins, self.recipe["augment"], epoch, mixed, self.generator)

    def freeze(self):
        """Stops training the parameters whose time is over."""
        for freeze in self.recipe["freeze"]:
            if self.step_count < math.ceil(freeze["after_epochs"] * self.steps_per_epoch):
                continue
            for name, parameter in self.model.named_parameters():
                if parameter.requires_grad and set_of(name) == freeze["parameters"]:
                    parameter.requires_grad_(False)
                    parameter.grad = None

    def set_rates(self):
        for name, optimizer in self.optimizers.items():
            group, settings = optimizer.param_groups[0], self.recipe["optimizer"][name]
            schedule = settings["schedule"] or self.recipe["schedule"]
            group["lr"] = settings["lr"] * rate_factor(schedule, self.step_count, self.schedule_steps)
            momentum = momentum_at(schedule, self.step_count, self.schedule_steps)
            if momentum is not None and "momentum" in group:
                group["momentum"] = momentum

    @torch.no_grad()
    def update_average(self):
        """`step_count` counts finished steps: after step s (from 1) of the last epochs, when s divides evenly."""
        average = self.recipe["average"]
        if average is None or self.step_count % average["every_steps"]:
            return
        covered = math.ceil(average["epochs"] * self.steps_per_epoch - 1e-6)
        if self.step_count <= self.schedule_steps - covered:
            return
        if self.averaged is None:
            self.averaged = self.copied_model()
            return
        self.move_average(average)
        if average["copy_back"]:
            # Lookahead (Zhang 2019), as hlb-CIFAR10 has it from v0.5.0 on.
            self.model.load_state_dict(self.averaged.state_dict())

    def begin_average(self):
        """airbench's Lookahead begins with the untrained model, before the whitening is fitted."""
        average = self.recipe["average"]
        if average is not None and average["begins"] == "untrained":
            self.averaged = self.copied_model()

    def copied_model(self):
        copied = copy.deepcopy(self.model).eval()
        for module in copied.modules():
            if isinstance(module, GhostNorm):
                module.takes_first_part = self.recipe["norm"]["average_takes_first_part"]
        return copied

    def move_average(self, average):
        done = self.step_count / self.schedule_steps
        keep = average["decay"] ** average["every_steps"] * done ** average["power"]
        current = self.model.state_dict()
        for name, value in self.averaged.state_dict().items():
            if "running" in name and not average["statistics"]:
                value.copy_(current[name])
            elif value.is_floating_point():
                value.mul_(keep).add_(current[name], alpha=1 - keep)

    def epoch(self):
        """One pass over the training split, or the part that is left; returns the mean loss per image."""
        self.model.train()
        size = self.recipe["batch_size"]
        order = torch.randperm(len(self.data.train_labels), generator=self.generator).to(self.device)
        steps = min(self.steps_per_epoch, self.total_steps - self.step_count)
        losses = [self.step(order[k * size : (k + 1) * size]) for k in range(steps)]
        return torch.stack(losses).mean().item() / REFERENCE_BATCH

    def evaluated_model(self):
        """The average once it has begun, if the recipe wants it."""
        wants_average = self.recipe["evaluate"]["weights"] == "averaged"
        return self.averaged if wants_average and self.averaged is not None else self.model

    @torch.no_grad()
    def evaluation_logits(self):
        # Both are evaluated in hlb-CIFAR10, and ghost batches keep what the beginning of an evaluation does to them.
        self.model.eval()
        model = self.evaluated_model().eval()
        return evaluation_logits(model, self.data.eval_images, self.recipe["evaluate"])

    def evaluate(self):
        """Images of the evaluation split that are named correctly."""
        return (self.evaluation_logits().argmax(1) == self.data.eval_labels).sum().item()


def synchronize(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def train(recipe, data, seed, on_epoch=lambda line: None):
    """Trains the whole schedule; calls `on_epoch` with a dictionary after each epoch and returns the trainer."""
    start = time.perf_counter()
    trainer = Trainer(recipe, data, seed)
    seconds = time.perf_counter() - start
    for epoch in range(1, trainer.epochs + 1):
        start = time.perf_counter()
        loss = trainer.epoch()
        synchronize(trainer.device)
        seconds += time.perf_counter() - start
        correct = trainer.evaluate()
        total = len(data.eval_labels)
        on_epoch({"epoch": epoch, "train_seconds": seconds, "correct": correct, "total": total, "loss": loss})
        if not math.isfinite(loss):
            break
    return trainer


def step_times(recipe, data, seed, steps, warmup):
    """Seconds of each of `steps` training steps after `warmup` unmeasured ones."""
    trainer = Trainer(recipe, data, seed, warmup + steps)
    trainer.model.train()
    times = []
    for _ in range(warmup + steps):
        order = torch.randperm(len(data.train_labels), generator=trainer.generator)
        indices = order[: recipe["batch_size"]].to(trainer.device)
        synchronize(trainer.device)
        start = time.perf_counter()
        trainer.step(indices)
        synchronize(trainer.device)
        times.append(time.perf_counter() - start)
    return times[warmup:]


# Command line


def print_json(line):
    print(json.dumps(line), flush=True)


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("train", "step-time"):
        command = commands.add_parser(name)
        command.add_argument("--recipe", type=Path, required=True, help="the recipe as JSON")
        command.add_argument("--data", type=Path, required=True, help="folder with the raw data")
        command.add_argument("--seed", type=int, default=1)
        command.add_argument("--threads", type=int, default=torch.get_num_threads())
        command.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    command.add_argument("--steps", type=int, default=20)
    command.add_argument("--warmup", type=int, default=5)
    return parser.parse_args(arguments)


def main(arguments=None):
    arguments = parse_arguments(arguments)
    torch.set_num_threads(arguments.threads)
    recipe = json.loads(arguments.recipe.read_text())
    data = load_data(arguments.data, arguments.device, compute_dtype(recipe, arguments.device))
    if arguments.command == "train":
        train(recipe, data, arguments.seed, print_json)
        return
    times = step_times(recipe, data, arguments.seed, arguments.steps, arguments.warmup)
    print_json(
        {
            "median_seconds": statistics.median(times),
            "min_seconds": min(times),
            "steps": len(times),
            "batch_size": recipe["batch_size"],
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
