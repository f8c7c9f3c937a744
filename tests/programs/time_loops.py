"""Functions of an array, a float and a number of steps, each made for the kind of range that its loop runs over."""

import numpy as np

MAKERS = {}  # by name, with the shape of the array


def program(*shape):
    def register(make):
        MAKERS[make.__name__] = make, shape
        return make

    return register


@program(7)
def double_buffer(loop):
    def f(u, k, n):
        v = np.zeros_like(u)
        for t in loop(n):
            for i in range(1, len(u) - 1):
                v[i] = u[i] + k * (u[i - 1] - 2 * u[i] * u[i] + u[i + 1])
            v[0] = u[0]
            v[-1] = u[-1]
            u, v = v, u
        return np.sum(u * u)

    return f


@program(7)
def fresh(loop):
    def step(u, k):
        out = u.copy()
        for i in range(1, len(u) - 1):
            out[i] = u[i] + k * (u[i - 1] - 2 * u[i] * u[i] + u[i + 1])
        return out

    def f(u, k, n):
        for t in loop(n):
            u = step(u, k)
        return np.sum(u * u)

    return f


@program(7)
def leapfrog(loop):
    def f(u, k, n):
        p = u
        for t in loop(n):
            p, u = u, 2 * u - p * 0.9 - k * np.sin(u)
        return np.sum(u * p)

    return f


@program(7)
def slices(loop):
    def f(u, k, n):
        u = u.copy()
        for t in loop(n):
            u[1:-1] = u[1:-1] + k * (u[2:] - 2 * u[1:-1] ** 2 + u[:-2])
        return np.sum(u**3)

    return f


@program(7)
def inplace(loop):
    def f(u, k, n):
        for t in loop(n):
            for i in range(1, len(u)):
                u[i] += k * u[i - 1] * u[i]
        u[0] = 3.0
        return np.sum(u**3)

    return f


@program(7)
def scalars(loop):
    def f(u, k, n):
        s = (1.0, k)
        c = 0
        for t in loop(n):
            s = (s[0] * 0.9 + np.sin(s[1] * u[t % 7]), s[1] + k * s[0] * u[c % 7])
            if s[0] > 0.5:
                c += 2
        return s[0] * s[1] + c

    return f


@program(7)
def nested(loop):
    def f(u, k, n):
        s = k
        for t in loop(n):
            q = s
            for r in loop(3):
                q = q + k * np.sin(q * u[r])
                u[r] = u[r] * q
            s = s + q * u[t % 7]
        return s + np.sum(u * u)

    return f


@program(7)
def inside(loop):
    def f(u, k, n):
        s = k
        for r in range(3):
            w = u * (r + 1.0)
            for t in loop(n):
                w[1:] = w[1:] * np.cos(w[:-1] * s)
                s = s + 0.1 * np.sin(s * w[2])
            u = u + k * w
        return s * np.sum(u * u)

    return f


@program(7)
def inside_swap(loop):
    def f(u, k, n):
        s = k
        v = np.zeros_like(u)
        for r in range(3):
            for t in loop(n):
                for i in range(len(u)):
                    v[i] = np.sin(u[i] * s) + k
                u, v = v, u
            s = s + u[0] * v[1]
        return s * np.sum(u * u)

    return f


@program(4, 7)
def views(loop):
    def f(U, k, n):
        u, v = U[0], U[1]
        w = U[2]
        for t in loop(n):
            for i in range(1, len(u)):
                v[i] = np.sin(u[i] * k) + k * w[i] * U[3, i - 1]
            v[0] = u[0]
            w[1] = w[1] * v[2]
            u, v = v, u
        return np.sum(u * v) + np.sum(U * U)

    return f


@program(7)
def conditional(loop):
    def f(u, k, n):
        v = u * 2.0
        w = u if k > 0.05 else v
        if k > 0.0:
            for t in loop(n):
                w[t % 7] = w[t % 7] * np.sin(u[(t + 1) % 7]) * v[2] + k
                if w[0] > 0.0:
                    u, v = v, u
        return np.sum(u * v * w)

    return f


@program(7)
def record(loop):
    def f(u, k, n):
        out = np.zeros(max(n, 1))
        s = k
        for t in loop(n):
            s = np.sin(s) * 1.1 + u[t % 7]
            out[t] = s * s
        return np.sum(out * out)

    return f


@program(7)
def stepped_range(loop):
    def f(u, k, n):
        s = k
        for t in loop(3, 3 * n, 2):
            s = np.sin(s) * 1.1 + u[t % 7] * t
        return s

    return f


@program(5, 5)
def matmul(loop):
    def f(M, k, n):
        B = np.eye(5) * k
        for t in loop(n):
            B = np.sin(M @ B) + k
        return np.sum(B * B)

    return f


@program(5, 5)
def matmul_inplace(loop):
    def f(M, k, n):
        B = np.eye(5) * k
        for t in loop(n):
            B[:] = np.sin(M @ B) + k
            if t % 3 == 1:
                M[0, :] = M[0, :] * B[1]
        return np.sum(B * B)

    return f


@program(7)
def after(loop):
    def f(u, k, n):
        s = 0.0
        for t in loop(n):
            w = np.sin(u * k)
            s = s + w[t % 7]
            u[t % 7] = s
        u = u * s
        return np.sum(u)

    return f
