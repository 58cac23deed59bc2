"""Writes facts.csv: what the original programs say of themselves, for `crates/trainer/tests/torch/facts.rs` to hold the
shipped recipes against.

    python3 tests/parity/facts.py

Constants are in the units of the originals and named as there; what follows from them is computed by the originals'
formulas, without a look at our code. Sources are lines of, or names in: hlb-imagenette 0c904b3, hlb-CIFAR10 v0.4.0 to
v0.7.0 (`main.py`), cifar10-airbench f1c599c, hiverge/cifar10-speedrun 5cd49b1.
"""

import csv
import math
from pathlib import Path

# Rates are for a loss that is summed over so many images here.
OURS = 512
CIFAR, IMAGENETTE = 50_000, 9_469


def one_cycle(total, peak, start, end):
    """OneCycleLR with straight lines."""
    top = peak * total - 1

    def share(step):
        if step <= top:
            return start + (1 - start) * step / top
        return 1 + (end - 1) * (step - top) / (total - 1 - top)

    return [share(step) for step in range(total)]


def triangle(total, peak, start, end):
    top = int(peak * total)
    rise = [start + (1 - start) * step / top for step in range(top)]
    return rise + [1 + (end - 1) * (step - top) / (total - top) for step in range(top, total)]


def fall(total, over):
    return [max(0, 1 - step / over) for step in range(total)]


def conv_parameters(first, widths, convs=2):
    """3x3 convolutions of blocks."""
    count, source = 0, first
    for width in widths:
        count += 9 * width * (source + (convs - 1) * width)
        source = width
    return count


class Recipe:
    def __init__(self, name, file):
        self.name, self.file, self.rows = name, file, []

    def fact(self, name, value, source):
        self.rows.append([self.name, name, repr(value), f"{self.file}: {source}"])

    def rates(self, group, peak, shares, source):
        """Every rate counts: their sum, the sum of each times its number, and some of them."""
        rates = [peak * share for share in shares]
        self.fact(f"rate.{group}.sum", math.fsum(rates), source)
        self.fact(f"rate.{group}.moment", math.fsum(step * rate for step, rate in enumerate(rates)), source)
        for step in sorted({0, 1, len(rates) // 7, len(rates) // 4, len(rates) // 2, len(rates) - 2, len(rates) - 1}):
            self.fact(f"rate.{group}[{step}]", rates[step], source)


def hlb(name, file, images, epochs, lr, bias_scaler, decay, share, end, momentum, scale, widths, ema, cutmix=None,
        projection=32, projection_norm=True, paired=False, normed=True):
    """hlb-CIFAR10 and hlb-imagenette: `hyp` at the top of main.py."""
    recipe, batch, per_epoch = Recipe(name, file), 1024, images // 1024
    total = math.ceil(per_epoch * epochs)
    recipe.fact("updates", total, "total_train_steps")
    recipe.fact("batch", batch, "batchsize")
    shares = one_cycle(total, share, 1e-16, end)
    recipe.rates("weights", lr / OURS, shares, "hyp['opt']['non_bias_lr'], OneCycleLR")
    recipe.rates("biases", lr * bias_scaler / OURS, shares, "hyp['opt']['bias_lr'], OneCycleLR")
    recipe.fact("decay.weights", decay * 6.45e-4 * batch, "hyp['opt']['non_bias_decay']")
    recipe.fact("decay.biases", decay * 6.45e-4 * batch / bias_scaler, "hyp['opt']['bias_decay']")
    recipe.fact("momentum", 0.85, "torch.optim.SGD(momentum=)")
    recipe.fact("label_smoothing", 0.2, "nn.CrossEntropyLoss(label_smoothing=)")
    recipe.fact("norm.momentum", momentum, "hyp['net']['batch_norm_momentum']")
    recipe.fact("norm.eps", 1e-12, "class BatchNorm")
    recipe.fact("logit_scale", scale, "hyp['opt']['scaling_factor']")
    recipe.fact("pad", 2, "hyp['net']['pad_amount']")
    filters = 24 if paired else 12
    stem = projection if projection else filters
    weights = conv_parameters(stem, widths) + 10 * widths[-1] + (12 * projection if projection else 0)
    norms = 2 * sum(widths) + (projection if projection and projection_norm else 0)
    recipe.fact("weights", weights, "make_net")
    recipe.fact("biases", norms, "make_net")
    recipe.fact("whitening.filters", filters, "make_net")
    epochs_of_average, decay_base, power = ema
    begins = (int(epochs) - epochs_of_average) * per_epoch
    first = begins // 5 * 5 + 5
    recipe.fact("average.first", first, "hyp['misc']['ema']['epochs'], epoch >= int(train_epochs) - epochs")
    kept = decay_base**5 * (((first + 5) / total) ** power if power else 1)
    recipe.fact("average.kept[1]", kept, "hyp['misc']['ema']['decay_base'], its second update")
    if cutmix:
        size, cutmix_epochs = cutmix
        recipe.fact("cutmix.size", size, "hyp['net']['cutmix_size']")
        first_epoch = math.ceil(epochs) - cutmix_epochs
        recipe.fact("cutmix.first", first_epoch * per_epoch, "hyp['net']['cutmix_epochs'], epoch >= epochs - cutmix_epochs")
    return recipe


def airbench(name, file, lines, epochs, lr, decay, widths, convs, momentum, peak, end, pad, cutout=0):
    """airbench94, 95, 96: `hyp` at the top, decoupled units."""
    recipe, batch, per_epoch = Recipe(name, file), 1024, CIFAR // 1024
    total = math.ceil(per_epoch * epochs)
    scale = 1024 * (1 + 1 / (1 - 0.85))
    own_lr, own_decay, summed = lr / scale, decay * batch / scale, 1024 / OURS
    recipe.fact("updates", total, "total_train_steps")
    recipe.fact("batch", batch, "hyp['opt']['batch_size']")
    shares = triangle(total, peak, 0.2, end)
    recipe.rates("weights", own_lr * summed, shares, f"{lines['lr']}, hyp['opt']['lr'] over kilostep_scale")
    recipe.rates("biases", 64 * own_lr * summed, shares, f"{lines['bias']}, hyp['opt']['bias_scaler']")
    recipe.rates("whitening_bias", own_lr * summed, shares, "other_params")
    recipe.fact("decay.weights", own_decay / own_lr / summed, f"{lines['decay']}, hyp['opt']['weight_decay']")
    recipe.fact("decay.biases", own_decay / (64 * own_lr) / summed, f"{lines['decay']}, weight_decay=wd/lr_biases")
    recipe.fact("decay.whitening_bias", own_decay / own_lr / summed, "other_params")
    recipe.fact("momentum", 0.85, "hyp['opt']['momentum']")
    recipe.fact("label_smoothing", 0.2, "hyp['opt']['label_smoothing']")
    recipe.fact("norm.momentum", 1 - momentum, "hyp['net']['batchnorm_momentum']")
    recipe.fact("norm.eps", 1e-12, "class BatchNorm")
    recipe.fact("logit_scale", 1 / 9, "hyp['net']['scaling_factor']")
    recipe.fact("pad", pad, "hyp['aug']['translate']")
    recipe.fact("cutout", cutout, "hyp['aug']['cutout']" if cutout else "no cutout")
    recipe.fact("weights", conv_parameters(24, widths, convs) + 10 * widths[-1], "make_net")
    recipe.fact("biases", convs * sum(widths), "make_net")
    recipe.fact("whitening.filters", 24, "make_net")
    recipe.fact("frozen.whitening_bias", 3 * per_epoch, "hyp['opt']['whiten_bias_epochs']")
    # The first copy back is that of update 5, of the state before training.
    recipe.fact("average.first", 5, f"{lines['lookahead']}, LookaheadState")
    recipe.fact("average.kept[0]", 0.95**5 * (5 / total) ** 3, "alpha_schedule")
    return recipe


def muon():
    recipe, batch, total = Recipe("airbench94-muon-r2", "airbench94_muon.py"), 2000, 8 * 25
    summed = batch / OURS
    recipe.fact("updates", total, "total_train_steps")
    recipe.fact("batch", batch, "batch_size")
    recipe.rates("biases", 0.053 * summed, fall(total, total), "bias_lr")
    recipe.rates("whitening_bias", 0.053 * summed, fall(total, 3 * 25), "whiten_bias_train_steps")
    recipe.rates("head", 0.67 * summed, fall(total, total), "head_lr")
    recipe.rates("filters", 0.24, fall(total, total), "Muon(lr=)")
    decay = 2e-6 * batch
    recipe.fact("decay.biases", decay / 0.053 / summed, "345, wd/bias_lr")
    recipe.fact("decay.whitening_bias", decay / 0.053 / summed, "345, wd/bias_lr")
    recipe.fact("decay.head", decay / 0.67 / summed, "345, wd/head_lr")
    recipe.fact("decay.filters", 0.0, "class Muon")
    recipe.fact("momentum", 0.85, "torch.optim.SGD(momentum=)")
    recipe.fact("momentum.filters", 0.6, "Muon(momentum=)")
    recipe.fact("label_smoothing", 0.2, "label_smoothing=")
    recipe.fact("norm.momentum", 1 - 0.6, "class BatchNorm")
    recipe.fact("logit_scale", 1 / 256, "class CifarNet, over x.size(-1)")
    recipe.fact("weights", conv_parameters(24, [64, 256, 256]) + 2560, "class CifarNet")
    recipe.fact("frozen.whitening_bias", 75, "whiten_bias_train_steps")
    return recipe


def hiverge(name, epochs):
    recipe, total = Recipe(name, "cifar10_speedrun.py"), math.ceil(epochs * 32)
    recipe.fact("updates", total, "total_train_steps")
    recipe.fact("batch", 1536, "batch_size")
    recipe.rates("whitening_bias", 0.1719, fall(total, 7), "628 and 705")
    recipe.rates("biases", 0.1719, fall(total, total), "598")
    recipe.rates("head", 1.6245, fall(total, total), "598")
    recipe.rates("filters", 0.205, fall(total, total), "637")
    recipe.fact("decay.biases", 0.00930892844677138, "598")
    recipe.fact("decay.head", 0.0009850445060018466, "598")
    recipe.fact("decay.filters", 0.0016002048, "637")
    recipe.fact("jitter.brightness", 0.1399, "365")
    recipe.fact("jitter.contrast", 0.1308, "366")
    recipe.fact("label_smoothing", 0.09, "688")
    recipe.fact("momentum", 0.825, "torch.optim.SGD(momentum=)")
    recipe.fact("momentum.filters", 0.655, "637")
    recipe.fact("frozen.whitening_bias", 7, "628")
    # Rescaled where `2 + int(15 p)` steps have passed, p being the share of the run that is done.
    last, count, sum_of_steps = -1, 0, 0
    for step in range(total):
        if step - last >= 2 + int(15 * step / total):
            last, count, sum_of_steps = step, count + 1, sum_of_steps + step
    recipe.fact("rescalings", count, "152 and 193")
    recipe.fact("rescalings.sum", sum_of_steps, "152 and 193")
    return recipe


def fulcrum():
    """`hyp` at the top of runners/recipes/e1.py, fulcrumresearch/cifar-10-speedrun ddec65f."""
    recipe, total, batch = Recipe("fulcrum-e1", "runners/recipes/e1.py"), math.ceil(8.875 * 32), 1536
    summed, decay = batch / OURS, 1.0418e-06 * batch
    shares = [max(1 - step / (8.5 * 32), 0.05) for step in range(total)]
    recipe.fact("updates", total, "hyp['train_epochs']")
    recipe.fact("batch", batch, "hyp['batch_size']")
    recipe.rates("biases", 0.0573 * summed, shares, "hyp['bias_lr'], hyp['decay_epochs'], hyp['lr_floor']")
    recipe.rates("whitening_bias", 0.0573 * summed, fall(total, 7), "hyp['whiten_bias_epochs']")
    recipe.rates("head", 0.5415 * summed, shares, "hyp['head_lr']")
    recipe.rates("filters", 0.2255, shares, "hyp['ortho_lr']")
    recipe.fact("decay.biases", decay / 0.0573 / summed, "hyp['wd_base']")
    recipe.fact("decay.head", decay / 0.5415 / summed, "hyp['wd_base']")
    recipe.fact("decay.filters", decay, "hyp['wd_base']")
    recipe.fact("momentum", 0.825, "hyp['sgd_momentum']")
    recipe.fact("momentum.filters", 0.655, "hyp['ortho_momentum']")
    recipe.fact("label_smoothing", 0.09, "hyp['label_smoothing']")
    recipe.fact("norm.momentum", 1 - 0.5566, "class BatchNorm")
    recipe.fact("average.first", int(8.5 * 32) - 8, "hyp['ema_start_before']")
    recipe.fact("average.kept[0]", 0.7, "hyp['ema_decay']")
    for step, side in [(0, 24), (95, 24), (96, 28), (191, 28), (192, 32), (total - 1, 32)]:
        recipe.fact(f"side[{step}]", side, "hyp['res_schedule']")
    return recipe


def piecewise(at, points):
    """His PiecewiseLinear: straight lines between (epoch, rate)."""
    for (begin, low), (end, high) in zip(points, points[1:]):
        if at <= end:
            return low + (high - low) * (at - begin) / (end - begin)
    return points[-1][1]


def resnet9(name, file, epochs, points, offset, bias, smoothing):
    """davidcpage/cifar10-fast. Rates are those of a mean over 512 images, taken `offset` steps behind the step from 0."""
    recipe, batch = Recipe(name, file), 512
    per_epoch = CIFAR // batch
    total = epochs * per_epoch
    rates = [piecewise((step + offset) / per_epoch, points) / batch for step in range(total)]
    recipe.fact("updates", total, "train_batches, drop_last")
    recipe.fact("batch", batch, "batch_size")
    recipe.rates("weights", 1, rates, "PiecewiseLinear")
    recipe.rates("biases", bias, rates, "bias_scaler" if bias > 1 else "one group")
    recipe.fact("decay.weights", 5e-4 * batch, "weight_decay")
    recipe.fact("decay.biases", 5e-4 * batch / bias, "weight_decay")
    recipe.fact("momentum", 0.9, "momentum")
    recipe.fact("label_smoothing", smoothing, "label_smoothing" if smoothing else "no label smoothing")
    recipe.fact("norm.momentum", 0.1, "nn.BatchNorm2d")
    recipe.fact("norm.eps", 1e-5, "nn.BatchNorm2d")
    recipe.fact("pad", 4, "pad")
    blocks = 9 * (64 * 128 + 2 * 128 * 128 + 128 * 256 + 256 * 512 + 2 * 512 * 512)
    stem = 27 * 64
    recipe.fact("weights", blocks + stem + 512 * 10, "resnet")
    recipe.fact("biases", 64 + 3 * 128 + 256 + 3 * 512, "resnet")
    return recipe


def recipes():
    wide, narrow = [128, 256, 512], [64, 256, 512]
    fork = dict(lr=2.1, bias_scaler=32, decay=1, share=0.15, end=1e-24, momentum=0.8, scale=1 / 10, widths=wide)
    # Its main.py says 25 epochs, its notebooks and slides trained 50.
    yield hlb("hlb-imagenette", "hlb-imagenette main.py and LRscheduling.ipynb", IMAGENETTE, 50, **fork, ema=(9, 0.98, 0))
    yield hlb("hlb-cifar10", "v0.4.0 main.py", CIFAR, 10, **fork, ema=(9, 0.98, 0))
    late = dict(share=0.23, scale=1 / 9, widths=narrow, ema=(10, 0.95, 3))
    yield hlb("hlb-cifar10-v0.5.0", "v0.5.0 main.py", CIFAR, 12.6, 1.64, 48, 1.05, end=0.05, momentum=0.5, **late,
              cutmix=(3, 5), projection_norm=False)
    yield hlb("hlb-cifar10-v0.6.0", "v0.6.0 main.py", CIFAR, 12.1, 1.64, 56, 1.08, end=0.07, momentum=0.5, **late,
              cutmix=(3, 6), projection_norm=False)
    yield hlb("hlb-cifar10-v0.7.0-r2", "v0.7.0 main.py", CIFAR, 12.1, 1.525, 64, 6.687 / 6.45, end=0.07, momentum=0.4,
              **late, cutmix=(3, 6), projection=None, paired=True)
    lines = {"lr": 42, "bias": 45, "decay": 44, "lookahead": "393 and 430"}
    yield airbench("airbench94-r2", "legacy/airbench94.py", lines, 9.9, 11.5, 0.0153, [64, 256, 256], 2, 0.6, 0.23, 0.07, 2)
    lines = {"lr": 50, "bias": 53, "decay": 52, "lookahead": "LookaheadState"}
    yield airbench("airbench95-r2", "legacy/airbench95.py", lines, 15, 10.0, 0.0153, [128, 384, 384], 2, 0.6, 0.23, 0.07, 2)
    yield airbench("airbench96-r2", "legacy/airbench96.py", lines, 37, 9.0, 0.012, [128, 384, 512], 3, 0.9, 0.1, 0.0, 4, 12)
    yield muon()
    yield hiverge("hiverge-r2", 7.59)
    # The same constants in its later revision.
    yield hiverge("hiverge-2025-09", 7.65)
    yield fulcrum()
    yield resnet9("resnet9-dawnbench", "dawn.py", 24, [(0, 0), (5, 0.4), (24, 0)], 0, 1, 0.0)
    points = [(0, 0), (2, 1.0), (8, 0.1), (10, 0.1)]
    yield resnet9("resnet9", "bag_of_tricks.ipynb", 10, points, 1, 64, 0.2)


def main():
    with open(Path(__file__).with_name("facts.csv"), "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["recipe", "fact", "value", "source"])
        for recipe in recipes():
            writer.writerows(recipe.rows)


if __name__ == "__main__":
    main()
