"""How far a linear classifier on pixels gets on a data folder: logistic regression by L-BFGS, several regularisations.

    linear.py DIR        (DIR as for reference.py; `cargo bench --bench step_time -- dump shapes DIR` writes the built-in data set)
"""

import sys

import torch
import torch.nn.functional as F
import reference


def fit(images, labels, l2):
    """Weights and biases that minimise cross entropy plus `l2` / 2 times the squared weights."""
    weights = torch.zeros(images.shape[1], 10, requires_grad=True)
    biases = torch.zeros(10, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights, biases], max_iter=200, history_size=20, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(images @ weights + biases, labels) + l2 * weights.square().sum() / 2
        loss.backward()
        return loss

    optimizer.step(closure)
    return weights, biases


def percent_correct(model, images, labels):
    weights, biases = model
    return 100 * ((images @ weights + biases).argmax(1) == labels).float().mean().item()


def main():
    data = reference.load_data(sys.argv[1])
    train = data.train_images.flatten(1).contiguous()
    evaluation = data.eval_images.flatten(1).contiguous()
    for l2 in (0.01, 0.1, 1, 10, 100):
        model = fit(train, data.train_labels, l2)
        seen = percent_correct(model, train, data.train_labels)
        unseen = percent_correct(model, evaluation, data.eval_labels)
        print(f"l2 {l2:<6} training {seen:.1f} %  evaluation {unseen:.1f} %", flush=True)


if __name__ == "__main__":
    main()
