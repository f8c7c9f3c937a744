"""Machine learning on whole arrays: layers, losses and optimizers."""

import math

import numpy as np

from .arrays_samples import backwards, columns_first, every_second
from .registry import program
from .samples import array, draw, fixed, indices, scalar, signed

SINGLE = np.float32


def softmax_rows(z):
    e = np.exp(z - np.max(z, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


def sigmoid_of(x):
    return 1.0 / (1.0 + np.exp(-x))


@program(draw(signed(3, 4), signed(5, 4), signed(5, 2)), tags=["compiled"], numba_ok=False)
def attention(q, k, v):
    return softmax_rows(q @ k.T / math.sqrt(q.shape[1])) @ v


@program(draw(signed(4, 6, dtype=SINGLE), signed(6, 6, dtype=SINGLE), signed(4, 6, dtype=SINGLE)))
def causal_attention_of_two_heads(x, w, v):
    n, d = x.shape
    h = d // 2
    out = np.zeros((n, d))
    for head in range(2):
        lo, hi = head * h, (head + 1) * h
        q = np.ascontiguousarray((x @ w)[:, lo:hi])
        scores = q @ q.T / np.sqrt(h)
        for i in range(n):
            e = np.exp(scores[i, : i + 1] - np.max(scores[i, : i + 1]))
            for j in range(i + 1):
                out[i, lo:hi] += e[j] / e.sum() * v[j, lo:hi]
    return out


@program(draw(signed(3, 5), array(5), signed(5)), numba_ok=False)
def layer_norm(x, scale, shift):
    centred = x - x.mean(axis=-1, keepdims=True)
    return scale * centred / np.sqrt(np.mean(centred**2, axis=-1, keepdims=True) + 1e-5) + shift


@program(draw(signed(4, 3), fixed([0, 2, 1, 1])), tags=["compiled"], numba_ok=False)
def softmax_cross_entropy(logits, labels):
    z = logits - logits.max(axis=1)[:, None]
    log_p = z - np.log(np.exp(z).sum(axis=1))[:, None]
    return -np.mean(log_p[np.arange(labels.shape[0]), labels])


@program(draw(signed(5, 3), signed(3, 4), signed(4), signed(4), scalar()))
def multilayer_perceptron(x, w1, b1, w2, b2):
    hidden = np.tanh(x @ w1 + b1)
    p = sigmoid_of(hidden @ w2 + b2)
    return -np.mean(np.log(p))


@program(draw(signed(6, 5), signed(2, 3), signed(2, 4)))
def convolutional_network(image, kernel, weights):
    rows, columns = image.shape[0] - 1, image.shape[1] - 2
    c = np.zeros((rows, columns))
    for i in range(2):
        for j in range(3):
            c += kernel[i, j] * image[i : i + rows, j : j + columns]
    c = np.maximum(c, 0.0)[:4, :2]
    pooled = np.maximum(np.maximum(c[::2, ::2], c[1::2, ::2]), np.maximum(c[::2, 1::2], c[1::2, 1::2]))
    return weights @ np.concatenate((pooled.ravel(), np.ones(2)))


@program(draw(columns_first(signed(5, 3)), array(3), signed(3)), numba_ok=False)
def batch_norm(x, gamma, beta):
    mean, variance = x.mean(axis=0), x.var(axis=0)
    return gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta, 0.9 * mean, 0.1 * variance


@program(draw(signed(5, 2), signed(3, 3), signed(2, 3), signed(3)), tags=["compiled"])
def recurrent_network(inputs, w, u, b):
    h = np.zeros(3)
    loss = 0.0
    for t in range(len(inputs)):
        h = np.tanh(h @ w + inputs[t] @ u + b)
        loss += np.sum(h * h)
    return loss


@program(
    draw(
        signed(3, dtype=SINGLE),
        signed(3),
        signed(2, dtype=SINGLE),
        signed(12, 5, dtype=SINGLE),
        signed(12, dtype=SINGLE),
    )
)
def lstm_cell(h, c, x, w, b):
    n = h.size
    z = w @ np.concatenate((h, x)) + b
    i, f, o = sigmoid_of(z[:n]), sigmoid_of(z[n : 2 * n]), sigmoid_of(z[2 * n : 3 * n])
    c = f * c + i * np.tanh(z[3 * n :])
    return o * np.tanh(c), c


@program(draw(signed(4, 3), every_second(signed(5, 3))), numba_ok=False)
def cosine_similarity(a, b):
    a = a / np.linalg.norm(a, axis=1, keepdims=True)
    return a @ (b / np.linalg.norm(b, axis=1, keepdims=True)).T


@program(draw(signed(4, 3), signed(4, 3), scalar(0.5, 1.0)), numba_ok=False)
def contrastive_loss(a, b, temperature):
    a = a / np.sqrt((a**2).sum(1, keepdims=True))
    b = b / np.sqrt((b**2).sum(1, keepdims=True))
    scores = a @ b.T / temperature
    return np.mean(np.log(np.exp(scores).sum(axis=1)) - np.diag(scores))


@program(draw(signed(6), signed(6, dtype=SINGLE)))
def huber_and_quantile_losses(y, prediction):
    r = y - prediction
    small = np.abs(r) <= 1.0
    huber = np.where(small, 0.5 * r**2, np.abs(r) - 0.5)
    pinball = np.maximum(0.9 * r, -0.1 * r)
    return huber.mean(), pinball.mean()


@program(draw(signed(5, 3), fixed([1.0, -1.0, 1.0, 1.0, 1.0]), signed(3), scalar()))
def support_vector_machine(x, y, w, b):
    return np.maximum(0.0, 1.0 - y * (x @ w + b)).sum() + 0.5 * np.dot(w, w)


@program(draw(backwards(signed(4, 2)), signed(4, 2), signed(4, 2), signed(2, 3), signed(4, 3)))
def evidence_lower_bound(mu, log_variance, noise, decoder, x):
    z = mu + np.exp(0.5 * log_variance) * noise
    divergence = -0.5 * np.sum(1.0 + log_variance - mu**2 - np.exp(log_variance))
    return 0.5 * np.sum((x - z @ decoder) ** 2) + divergence


@program(draw(signed(4, 3), signed(4), signed(3)))
def adam_in_place(x, y, w):
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t in range(1, 5):
        g = x.T @ (x @ w - y) / len(y)
        m = 0.9 * m + 0.1 * g
        v = 0.99 * v + 0.01 * g**2
        w -= 0.1 * (m / (1.0 - 0.9**t)) / (np.sqrt(v / (1.0 - 0.99**t)) + 1e-3)
    return np.sum((x @ w - y) ** 2)


@program(draw(array(4, 5), array(4, 2), array(2, 5)))
def nonnegative_matrix_factorization(v, w, h):
    for _ in range(3):
        h *= (w.T @ v) / (w.T @ w @ h + 1e-9)
        w *= (v @ h.T) / (w @ h @ h.T + 1e-9)
    return np.linalg.norm(v - w @ h)


@program(draw(signed(6, 2), signed(3, 2)))
def k_means_objective(points, centres):
    d = np.sum((points[:, np.newaxis, :] - centres[np.newaxis]) ** 2, axis=2)
    nearest = np.argmin(d, axis=1)
    return np.sum((points - centres[nearest]) ** 2)


def velocity(x, w1, w2, t):
    return np.tanh(w1 @ x + t) @ w2


@program(draw(signed(3), signed(4, 3), signed(4, 3)))
def neural_ode(x, w1, w2):
    dt = 0.1
    for i in range(4):
        k = velocity(x, w1, w2, i * dt)
        x = x + dt * velocity(x + 0.5 * dt * k, w1, w2, (i + 0.5) * dt)
    return x


@program(draw(array(5, 4), fixed([0, 2, 0, 1, 0])))
def connectionist_temporal_classification(p, labels):
    p = p / p.sum(axis=1).reshape((-1, 1))
    alpha = np.zeros(labels.size)
    alpha[:2] = p[0][labels[:2]]
    for t in range(1, p.shape[0]):
        stay = alpha.copy()
        stay[1:] += alpha[:-1]
        stay[3] += alpha[1]
        alpha = stay * p[t][labels]
    return -np.log(alpha[-1] + alpha[-2])


@program(draw(signed(6, 3, dtype=SINGLE), fixed([[0, 2, 5], [1, 1, 4]]), signed(3, dtype=SINGLE)), numba_ok=False)
def mean_of_word_vectors(table, sentences, w):
    words = table[sentences]
    return 1.0 / (1.0 + np.exp(-(words.mean(axis=1) @ w)))


@program(draw(signed(4, 3), signed(4), 0.5))
def gelu_residual_with_dropout(x, noise, rate):
    keep = (noise > -rate)[:, np.newaxis]
    y = 0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))
    return x + np.where(keep, y / (1.0 - rate), 0.0)


@program(draw(signed(5, 3), indices(4, 5), indices(4, 5), signed(3, 2)))
def graph_convolution(features, source, target, w):
    messages = features[source] @ w
    out = np.zeros((features.shape[0], 2))
    for e in range(target.size):
        out[target[e]] += messages[e]
    return np.maximum(out, 0.1 * out)


@program(draw(signed(4), signed(4), signed(4, 3)))
def perceptron_by_momentum(x, rate, w):
    """A function of the columns of a matrix, by steps that use the iterates before."""
    previous = w.copy()
    for _ in range(3):
        gradient = np.outer(x, np.tanh(x @ w))
        w, previous = w - 0.1 * gradient + 0.5 * (w - previous), w
    return (w * rate.reshape(4, 1)).sum(axis=0)
