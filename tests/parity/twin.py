"""The reference trainer once more, in plain PyTorch.

An independent twin of `hlb-bench-trainer`: same recipe (as JSON), same data, written as an ordinary good PyTorch
user would write it, eagerly and without tricks. Tests compare numbers with it, the benchmark compares seconds per step.

    twin.py train     --recipe R.json --data DIR --seed S
    twin.py step-time --recipe R.json --data DIR --steps N --warmup W --threads T

DIR holds raw bytes: {train,eval}-images.u8 (picture, row, column, channel), {train,eval}-labels.u8 and shape.json.
The model is the SpeedyResNet of hlb-CIFAR10 v0.4.0 (Tysam Balsbaugh).
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


# Data


@dataclass
class Data:
    """Normalised pictures (N, C, H, W) and labels of both splits, on one device."""

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

    def finish(pictures):
        pictures = (pictures - mean) / std
        return pictures.to(device, dtype, memory_format=torch.channels_last)

    def labels(split):
        return read_bytes(folder / f"{split}-labels.u8").long().to(device)

    return Data(
        finish(train), labels("train"), finish(evaluation), labels("eval"), shape["channels"], shape["classes"]
    )


def pad(images, pixels):
    if pixels == 0:
        return images
    return F.pad(images, (pixels,) * 4, mode="reflect").contiguous(memory_format=torch.channels_last)


def random_crop(padded, side, generator):
    """A square of its own out of each picture, every valid offset equally likely."""
    count, _, height, width = padded.shape
    device = padded.device
    top = torch.randint(height - side + 1, (count,), generator=generator).to(device)
    left = torch.randint(width - side + 1, (count,), generator=generator).to(device)
    span = torch.arange(side, device=device)
    rows = (top[:, None] + span)[:, :, None]
    columns = (left[:, None] + span)[:, None, :]
    picture = torch.arange(count, device=device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[picture, rows, columns].permute(0, 3, 1, 2)


def random_flip(images, generator):
    mirrored = torch.rand(len(images), generator=generator).to(images.device) < 0.5
    return torch.where(mirrored[:, None, None, None], images.flip(3), images)


def make_batch(padded, indices, augment, generator):
    batch = random_crop(padded[indices], augment["crop"], generator)
    return random_flip(batch, generator) if augment["flip"] else batch


# Model


class Norm(nn.BatchNorm2d):
    """Batch normalisation with its scale frozen at 1."""

    def __init__(self, channels, settings):
        super().__init__(channels, eps=settings["eps"], momentum=settings["momentum"])
        self.weight.requires_grad_(False)


class GhostNorm(nn.Module):
    """The same with statistics per part of the batch: picture n belongs to part n mod `parts`."""

    def __init__(self, channels, settings):
        super().__init__()
        self.parts, self.channels = settings["ghost_batches"], channels
        self.eps, self.momentum = settings["eps"], settings["momentum"]
        self.weight = nn.Parameter(torch.ones(channels), requires_grad=False)
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(self.parts * channels))
        self.register_buffer("running_var", torch.ones(self.parts * channels))

    def forward(self, x):
        if not self.training:
            mean = self.running_mean.view(self.parts, self.channels).mean(0)
            var = self.running_var.view(self.parts, self.channels).mean(0)
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


def conv3x3(inputs, outputs):
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)


class WhitenStem(nn.Module):
    """Frozen 2x2 whitening convolution, then a trained 1x1 convolution."""

    def __init__(self, channels, stem, norm):
        super().__init__()
        width, self.eps = stem["width"], stem["eps"]
        self.whiten = nn.Conv2d(channels, 4 * channels, 2, bias=False)
        self.whiten.weight.requires_grad_(False)
        self.project = nn.Conv2d(4 * channels, width, 1, bias=False)
        self.norm = Norm(width, norm)

    def forward(self, x):
        return F.gelu(self.norm(self.project(self.whiten(x))))


class ConvStem(nn.Module):
    """One trained 3x3 convolution in its place."""

    def __init__(self, channels, stem, norm):
        super().__init__()
        self.conv = conv3x3(channels, stem["width"])
        self.norm = Norm(stem["width"], norm)

    def forward(self, x):
        return F.gelu(self.norm(self.conv(x)))


class Block(nn.Module):
    def __init__(self, inputs, outputs, pool, norm):
        super().__init__()
        self.pool_before_norm = {"before_norm": True, "after_activation": False}[pool]
        self.conv1, self.norm1 = conv3x3(inputs, outputs), group_norm(outputs, norm)
        self.conv2, self.norm2 = conv3x3(outputs, outputs), group_norm(outputs, norm)

    def forward(self, x):
        if self.pool_before_norm:
            residual = F.gelu(self.norm1(F.max_pool2d(self.conv1(x), 2)))
        else:
            residual = F.max_pool2d(F.gelu(self.norm1(self.conv1(x))), 2)
        return residual + F.gelu(self.norm2(self.conv2(residual)))


class SpeedyResNet(nn.Module):
    def __init__(self, recipe, in_channels, classes):
        super().__init__()
        stem, norm = recipe["stem"], recipe["norm"]
        kind = {"whiten": WhitenStem, "conv": ConvStem}[stem["kind"]]
        self.stem = kind(in_channels, stem, norm)
        widths = [stem["width"], *recipe["blocks"]["widths"]]
        pool = recipe["blocks"]["pool"]
        self.blocks = nn.Sequential(*(Block(i, o, pool, norm) for i, o in zip(widths, widths[1:])))
        self.linear = nn.Linear(widths[-1], classes, bias=False)
        self.logit_scale = recipe["logit_scale"]

    def forward(self, x):
        return self.linear(self.blocks(self.stem(x)).amax(dim=(2, 3))) * self.logit_scale


def build(recipe, in_channels, classes):
    """The recipe's network on the CPU in single precision, initialised from PyTorch's global generator."""
    return SpeedyResNet(recipe, in_channels, classes).to(memory_format=torch.channels_last)


@torch.no_grad()
def fit_whitening(model, images):
    """Sets the stem's frozen filters from all 2x2 patches of `images` (normalised, not padded)."""
    channels = images.shape[1]
    patches = F.unfold(images.double(), 2).transpose(0, 1).flatten(1)
    values, vectors = torch.linalg.eigh(torch.cov(patches))
    values, vectors = values.flip(0), vectors.flip(1)
    filters = (vectors / (values + model.stem.eps).sqrt()).T.reshape(4 * channels, channels, 2, 2)
    model.stem.whiten.weight.copy_(filters)


def place(model, recipe, device):
    """Moves the network to its device and number format."""
    model = model.to(device)
    if compute_dtype(recipe, device) == torch.float16:
        model = model.half()
        if recipe["norm"]["fp32"]:
            for module in model.modules():
                if isinstance(module, (Norm, GhostNorm)):
                    module.float()
    return model


def compute_dtype(recipe, device):
    if recipe["precision"] == "auto":
        return torch.float16 if torch.device(device).type == "cuda" else torch.float32
    return {"fp32": torch.float32, "fp16": torch.float16}[recipe["precision"]]


# Training


def loss_of(logits, labels, recipe):
    """Label-smoothed cross entropy summed over the batch and scaled to 512 pictures."""
    smoothing = recipe["loss"]["label_smoothing"]
    total = F.cross_entropy(logits.float() if logits.dtype == torch.float16 else logits, labels, label_smoothing=smoothing, reduction="sum")
    return total * (REFERENCE_BATCH / len(labels))


def make_optimizers(model, recipe):
    """One SGD for convolutions and the linear layer, one for the biases of the normalisations."""
    settings = recipe["optimizer"]
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    groups = {
        "weights": [p for name, p in trained if not name.endswith("bias")],
        "biases": [p for name, p in trained if name.endswith("bias")],
    }
    return [
        torch.optim.SGD(
            parameters,
            lr=settings[group]["lr"],
            momentum=settings["momentum"],
            nesterov=settings["nesterov"],
            weight_decay=settings[group]["weight_decay"],
        )
        for group, parameters in groups.items()
    ]


def rate_factor(schedule, step, total):
    """Learning rate of a step (from 0) as a share of its peak."""
    start, end = schedule["start"], schedule["end"]
    corner = schedule["peak"] * total - 1
    if step <= corner:
        return start + (1 - start) * step / corner if corner > 0 else 1.0
    return 1 + (end - 1) * (step - corner) / (total - 1 - corner)


class Trainer:
    """A network in training: takes one step at a time."""

    def __init__(self, recipe, data, seed):
        self.recipe, self.data = recipe, data
        self.device = data.train_images.device
        self.generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)
        self.model = build(recipe, data.channels, data.classes)
        if recipe["stem"]["kind"] == "whiten":
            stem = recipe["stem"]
            fit_whitening(self.model, data.train_images[: stem["images"]].cpu())
        self.model = place(self.model, recipe, self.device)
        self.optimizers = make_optimizers(self.model, recipe)
        self.padded = pad(data.train_images, recipe["augment"]["pad"])
        self.steps_per_epoch = len(data.train_labels) // recipe["batch_size"]
        self.total_steps = recipe["epochs"] * self.steps_per_epoch
        self.step_count = 0
        self.averaged = None

    def step(self, indices):
        """Trains on the pictures at `indices`; returns the loss as a tensor."""
        images = make_batch(self.padded, indices, self.recipe["augment"], self.generator)
        loss = loss_of(self.model(images), self.data.train_labels[indices], self.recipe)
        self.set_rates()
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for optimizer in self.optimizers:
            optimizer.step()
        self.step_count += 1
        self.update_average()
        return loss.detach()

    def set_rates(self):
        factor = rate_factor(self.recipe["schedule"], self.step_count, self.total_steps)
        for optimizer, group in zip(self.optimizers, ("weights", "biases")):
            optimizer.param_groups[0]["lr"] = self.recipe["optimizer"][group]["lr"] * factor

    @torch.no_grad()
    def update_average(self):
        """`step_count` counts finished steps: after step s (from 1) of the last epochs, when s divides evenly."""
        average = self.recipe["average"]
        if average is None or self.step_count % average["every_steps"]:
            return
        if self.step_count <= (self.recipe["epochs"] - average["epochs"]) * self.steps_per_epoch:
            return
        if self.averaged is None:
            self.averaged = copy.deepcopy(self.model).eval()
            return
        keep = average["decay"] ** average["every_steps"]
        current = self.model.state_dict()
        for name, value in self.averaged.state_dict().items():
            if value.is_floating_point():
                value.mul_(keep).add_(current[name], alpha=1 - keep)

    def epoch(self):
        """One pass over the training split; returns the mean loss per picture."""
        self.model.train()
        size = self.recipe["batch_size"]
        order = torch.randperm(len(self.data.train_labels), generator=self.generator).to(self.device)
        losses = [self.step(order[k * size : (k + 1) * size]) for k in range(self.steps_per_epoch)]
        return torch.stack(losses).mean().item() / REFERENCE_BATCH

    @torch.no_grad()
    def evaluate(self):
        """Pictures of the evaluation split that are named correctly."""
        use_average = self.recipe["evaluate"]["weights"] == "averaged" and self.averaged is not None
        model = self.averaged if use_average else self.model
        model.eval()
        correct = 0
        batches = zip(self.data.eval_images.split(EVAL_BATCH), self.data.eval_labels.split(EVAL_BATCH))
        for images, labels in batches:
            logits = model(images)
            if self.recipe["evaluate"]["mirror"]:
                logits = (logits + model(images.flip(3))) / 2
            correct += (logits.argmax(1) == labels).sum().item()
        return correct


def synchronize(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def train(recipe, data, seed, on_epoch=lambda line: None):
    """Trains the whole schedule; calls `on_epoch` with a dictionary after each epoch and returns the trainer."""
    start = time.perf_counter()
    trainer = Trainer(recipe, data, seed)
    seconds = time.perf_counter() - start
    for epoch in range(1, recipe["epochs"] + 1):
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
    trainer = Trainer(recipe, data, seed)
    trainer.total_steps = warmup + steps
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
