"""Train a small network on scikit-learn's handwritten digits, its layers written as loops.

The layers are plain functions that srcgrad differentiates and compiles; `srcgrad.shim` plays PyTorch around them:
modules, parameters, an optimiser. Run it with `python examples/digits.py`; it writes digits.png to the current folder.
"""

import math
import time
from pathlib import Path

import matplotlib as mpl
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tqdm import tqdm

import srcgrad as sg
import srcgrad.shim as torch

mpl.use("Agg")
import matplotlib.pyplot as plt

EPOCHS, BATCH, HIDDEN = 30, 64, 48


@sg.differentiable
def convolved(images, kernels, bias):
    """Images (n, 8, 8), convolved with kernels (c, 3, 3), rectified, and reduced to (n, c * 9) by 2 x 2 maxima."""
    count, channels = images.shape[0], kernels.shape[0]
    out = np.empty((count, channels * 9), images.dtype)
    for n in range(count):
        for c in range(channels):
            for i in range(3):
                for j in range(3):
                    best = 0.0
                    for di in range(2):
                        for dj in range(2):
                            v = bias[c]
                            for a in range(3):
                                for b in range(3):
                                    v += images[n, 2 * i + di + a, 2 * j + dj + b] * kernels[c, a, b]
                            best = max(best, v)
                    out[n, c * 9 + i * 3 + j] = best
    return out


@sg.differentiable
def dense(x, weight, bias):
    """`x @ weight + bias`, for x (n, p), weight (p, q), bias (q)."""
    out = np.empty((x.shape[0], weight.shape[1]), x.dtype)
    for n in range(x.shape[0]):
        for q in range(weight.shape[1]):
            out[n, q] = bias[q]
        for p in range(weight.shape[0]):
            for q in range(weight.shape[1]):
                out[n, q] += x[n, p] * weight[p, q]
    return out


@sg.differentiable
def cross_entropy(scores, labels):
    """The mean of `-log(softmax(scores))` at the labels, for scores (n, k) and integers (n)."""
    total = 0.0
    for n in range(scores.shape[0]):
        top = scores[n, 0]
        for k in range(1, scores.shape[1]):
            top = max(top, scores[n, k])
        s = 0.0
        for k in range(scores.shape[1]):
            s += math.exp(scores[n, k] - top)
        total += math.log(s) + top - scores[n, labels[n]]
    return total / scores.shape[0]


class Network(torch.nn.Module):
    """A convolution, and a dense layer after the other."""

    def __init__(self, channels=12):
        super().__init__()
        self.kernels = torch.nn.Parameter(torch.randn(channels, 3, 3) / 3)
        self.offsets = torch.nn.Parameter(torch.zeros(channels))
        self.weight1 = torch.nn.Parameter(torch.randn(channels * 9, HIDDEN) / math.sqrt(channels * 9))
        self.bias1 = torch.nn.Parameter(torch.zeros(HIDDEN))
        self.weight2 = torch.nn.Parameter(torch.randn(HIDDEN, 10) / math.sqrt(HIDDEN))
        self.bias2 = torch.nn.Parameter(torch.zeros(10))

    def forward(self, images):
        """Scores (n, 10) for images (n, 8, 8)."""
        hidden = torch.tanh(dense(convolved(images, self.kernels, self.offsets), self.weight1, self.bias1))
        return dense(hidden, self.weight2, self.bias2)


def accuracy(network, images, labels):
    """The share of images that get their label."""
    with torch.no_grad():
        return (network(images).argmax(1) == labels).float().mean().item()


def train(epochs=EPOCHS):
    """Train a network. Returns the losses of all steps, and the accuracies on held-out images after each epoch."""
    torch.manual_seed(0)
    data = load_digits()
    images, held_out, labels, truth = (
        torch.from_numpy(a)
        for a in train_test_split((data.images / 16).astype(np.float32), data.target, test_size=0.25, random_state=0)
    )
    network = Network()
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    losses, accuracies = [], []
    progress = tqdm(range(epochs), desc="training", unit="epoch")
    for _ in progress:
        for batch in torch.randperm(len(images)).split(BATCH):
            optimizer.zero_grad()
            loss = cross_entropy(network(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        accuracies.append(accuracy(network, held_out, truth))
        progress.set_postfix(loss=f"{np.mean(losses[-20:]):.3f}", accuracy=f"{accuracies[-1]:.3f}")
    return losses, accuracies


def plot(losses, accuracies, path):
    """Draw both curves."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    left.semilogy(losses, linewidth=0.7)
    left.set(xlabel="step", ylabel="cross entropy of the batch")
    right.plot(range(1, len(accuracies) + 1), accuracies, marker=".")
    right.axhline(0.95, color="grey", linewidth=0.7, linestyle="--")
    right.set(xlabel="epoch", ylabel="accuracy on held-out digits")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main():
    """Train, report, plot."""
    start = time.perf_counter()
    losses, accuracies = train()
    seconds = time.perf_counter() - start
    print(f"{accuracies[-1]:.1%} of the held-out digits are right after {len(accuracies)} epochs, {seconds:.0f} s")
    plot(losses, accuracies, Path("digits.png"))
    print("wrote digits.png")


if __name__ == "__main__":
    main()
