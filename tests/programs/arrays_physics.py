"""Fields, particles and geometry on whole arrays."""

import math

import numpy as np

from .arrays_samples import backwards, columns_first, every_second
from .registry import program
from .samples import array, draw, fixed, scalar, signed


@program(draw(array(6), scalar(0.1, 0.3)), tags=["compiled"])
def heat_by_overlapping_slices(u, k):
    for _ in range(4):
        u[1:-1] = u[1:-1] + k * (u[2:] - 2.0 * u[1:-1] + u[:-2])
    return u


@program(draw(every_second(array(5, 4)), scalar(0.1, 0.2)))
def heat_in_place_2d(u, k):
    for _ in range(3):
        u[1:-1, 1:-1] += k * (u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4.0 * u[1:-1, 1:-1])
        u[0] = u[1]
        u[:, -1] = u[:, -2]
    return np.sum(u**2)


@program(draw(array(5, 4), array(5, 4)))
def jacobi_with_swapped_arrays(u, f):
    v = u.copy()
    for _ in range(4):
        v[1:-1, 1:-1] = 0.25 * (u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - f[1:-1, 1:-1])
        u, v = v, u
    return u


@program(draw(array(6, dtype=np.float32), array(6, dtype=np.float32)))
def red_black_gauss_seidel(u, f):
    for _ in range(3):
        u[1:-1:2] = 0.5 * (u[:-2:2] + u[2::2] - f[1:-1:2])
        u[2:-1:2] = 0.5 * (u[1:-2:2] + u[3::2] - f[2:-1:2])
    return u


@program(draw(array(5), array(6), array(5)))
def fdtd_maxwell(e, h, permittivity):
    for t in range(5):
        h[1:-1] -= 0.5 * (e[1:] - e[:-1])
        e -= 0.5 / permittivity * np.diff(h)
        e[2] += math.exp(-0.3 * (t - 2.0) ** 2)
    return e @ e + h @ h


@program(draw(array(6, low=1.0, high=1.4), array(6), scalar()))
def shallow_water(h, hu, gravity):
    for _ in range(3):
        u = hu / h
        flux = hu * u + 0.5 * gravity * h**2
        speed = np.abs(u) + np.sqrt(gravity * h)
        a = np.maximum(speed[:-1], speed[1:])
        f1 = 0.5 * (hu[:-1] + hu[1:]) - 0.5 * a * (h[1:] - h[:-1])
        f2 = 0.5 * (flux[:-1] + flux[1:]) - 0.5 * a * (hu[1:] - hu[:-1])
        h[1:-1] -= 0.1 * (f1[1:] - f1[:-1])
        hu[1:-1] -= 0.1 * (f2[1:] - f2[:-1])
    return h, hu


@program(draw(array(4, 5), array(4, 5), array(4, 5), array(4, 5), scalar()))
def horn_schunck_energy(first, second, u, v, smoothness):
    ix = 0.5 * (first[:-1, 1:] - first[:-1, :-1] + second[:-1, 1:] - second[:-1, :-1])
    iy = 0.5 * (first[1:, :-1] - first[:-1, :-1] + second[1:, :-1] - second[:-1, :-1])
    it = (second - first)[:-1, :-1]
    data = np.sum((ix * u[:-1, :-1] + iy * v[:-1, :-1] + it) ** 2)
    smooth = 0.0
    for w in (u, v):
        smooth += np.sum((w[1:] - w[:-1]) ** 2) + np.sum((w[:, 1:] - w[:, :-1]) ** 2)
    return data + smoothness**2 * smooth


@program(draw(columns_first(array(4, 5)), scalar(0.05, 0.1)))
def total_variation(image, epsilon):
    dx = image[:-1, 1:] - image[:-1, :-1]
    dy = image[1:, :-1] - image[:-1, :-1]
    return np.sqrt(dx**2 + dy**2 + epsilon**2).sum()


@program(draw(array(4), array(5), fixed([[0, 1], [1, 2], [2, 3], [3, 4]])), tags=["compiled"])
def finite_elements(stiffness, load, elements):
    k = np.zeros((5, 5))
    local = np.array([[1.0, -1.0], [-1.0, 1.0]])
    for e in range(elements.shape[0]):
        for i in range(2):
            for j in range(2):
                k[elements[e, i], elements[e, j]] += stiffness[e] * local[i, j]
    k[0, :] = 0.0
    k[0, 0] = 1.0
    load[0] = 0.0
    return np.linalg.solve(k, load)


def central_force(r, mass):
    return -mass * r / (np.sum(r * r) + 0.01) ** 1.5


@program(draw(signed(3, 2), signed(3, 2), array(3)))
def n_body_with_vectors(x, v, mass):
    for _ in range(3):
        a = np.zeros_like(x)
        for i in range(len(mass)):
            for j in range(len(mass)):
                if i != j:
                    a[i] += central_force(x[i] - x[j], mass[j])
        v += 0.05 * a
        x += 0.05 * v
    return x


def pendulums(y, k):
    out = np.empty_like(y)
    out[:2] = y[2:]
    out[2:] = -np.sin(y[:2]) - k * (y[:2] - y[1::-1])
    return out


@program(draw(signed(4), scalar()))
def runge_kutta_of_vectors(y, k):
    h = 0.1
    for _ in range(3):
        k1 = pendulums(y, k)
        k2 = pendulums(y + 0.5 * h * k1, k)
        k3 = pendulums(y + 0.5 * h * k2, k)
        k4 = pendulums(y + h * k3, k)
        y = y + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
    return y


@program(draw(array(2), array(4)))
def lotka_volterra_by_closure(y, rates):
    def f(y):
        return np.array([y[0] * (rates[0] - rates[1] * y[1]), -y[1] * (rates[2] - rates[3] * y[0])])

    for _ in range(4):
        y = y + 0.1 * f(y + 0.05 * f(y))
    return y


@program(draw(fixed([0.9, 0.08, 0.02]), scalar(0.5, 0.9), scalar(0.1, 0.3)))
def susceptible_infected_recovered(state, beta, gamma):
    total = np.zeros(3)
    for _ in range(5):
        s, i, _r = state
        state = state + 0.5 * np.array([-beta * s * i, beta * s * i - gamma * i, gamma * i])
        total += state
    return state, total


@program(draw(signed(4, 5), scalar(0.1, 0.3), signed(4, 5)), numba_ok=False)
def ising_mean_field(m, coupling, field):
    for _ in range(3):
        near = np.roll(m, 1, axis=0) + np.roll(m, -1, axis=0) + np.roll(m, 1, axis=1) + np.roll(m, -1, axis=1)
        m = np.tanh(coupling * near + field)
    return m


def laplacian_of(u):
    return np.roll(u, 1) - 2.0 * u + np.roll(u, -1)


@program(draw(array(5), every_second(array(5)), scalar(0.03, 0.05)))
def gray_scott_by_rolls(u, v, feed):
    for _ in range(3):
        r = u * v * v
        u, v = u + 0.2 * laplacian_of(u) - r + feed * (1.0 - u), v + 0.1 * laplacian_of(v) + r - 0.1 * v
    return u, v


@program(draw(array(4), array(4)), numba_ok=False)
def spherical_to_cartesian(theta, phi):
    return np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=-1)


@program(draw(array(3), columns_first(signed(3, 4)), signed(3)))
def rotated_rigid_body(angles, points, shift):
    cx, sx = np.cos(angles[0]), np.sin(angles[0])
    cz, sz = np.cos(angles[2]), np.sin(angles[2])
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, cx, -sx], [0.0, sx, cx]])
    about_z = np.array([[cz, -sz, 0.0], [sz, cz, 0.0], [0.0, 0.0, 1.0]])
    return about_z @ about_x @ points * np.tan(angles[1]) + shift[:, np.newaxis]


@program(draw(array(2, 6), array(4, 3), fixed([0, 1, 0, 1, 1]), fixed([3, 1, 2, 0, 3]), signed(5, 2)))
def reprojection_errors(cameras, points, camera, point, observed):
    c = cameras[camera]
    p = points[point]
    axis = c[:, :3]
    a, b = p[:, np.array([1, 2, 0])], p[:, np.array([2, 0, 1])]
    turned = p + axis[:, np.array([1, 2, 0])] * b - axis[:, np.array([2, 0, 1])] * a
    z = turned[:, 2] + 3.0
    return c[:, 3:4] * turned[:, :2] / z.reshape(-1, 1) + c[:, 4:] - observed


@program(draw(backwards(array(6)), array(6), scalar(0.2, 0.4)))
def leapfrog_waves(now, before, c):
    after = np.zeros_like(now)
    for _ in range(4):
        after[1:-1] = 2.0 * now[1:-1] - before[1:-1] + c**2 * (now[2:] - 2.0 * now[1:-1] + now[:-2])
        after[0], after[-1] = now[1], now[-2]
        before, now, after = now, after, before
    return now


@program(draw(array(6), array(5), scalar()))
def tridiagonal_conduction(temperature, conductivity, dt):
    """An implicit step: the matrix from its diagonals."""
    off = -dt * conductivity
    main = np.ones(6)
    main[:-1] -= off
    main[1:] -= off
    return np.linalg.solve(np.diag(main) + np.diag(off, 1) + np.diag(off, -1), temperature)
