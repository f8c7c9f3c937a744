"""Small simulations."""

import math

import numpy as np

from .registry import program
from .samples import array, draw, fixed, scalar, signed


@program(draw(array(3), scalar(8.0, 10.0), scalar(20.0, 28.0), scalar(2.0, 2.7), 0.01, 12), tags=["compiled"])
def lorenz_rk4(start, sigma, rho, beta, dt, steps):
    x, y, z = start[0], start[1], start[2]
    for t in range(steps):
        k1x, k1y, k1z = sigma * (y - x), x * (rho - z) - y, x * y - beta * z
        u, v, w = x + 0.5 * dt * k1x, y + 0.5 * dt * k1y, z + 0.5 * dt * k1z
        k2x, k2y, k2z = sigma * (v - u), u * (rho - w) - v, u * v - beta * w
        u, v, w = x + 0.5 * dt * k2x, y + 0.5 * dt * k2y, z + 0.5 * dt * k2z
        k3x, k3y, k3z = sigma * (v - u), u * (rho - w) - v, u * v - beta * w
        u, v, w = x + dt * k3x, y + dt * k3y, z + dt * k3z
        k4x, k4y, k4z = sigma * (v - u), u * (rho - w) - v, u * v - beta * w
        x += dt / 6.0 * (k1x + 2.0 * k2x + 2.0 * k3x + k4x)
        y += dt / 6.0 * (k1y + 2.0 * k2y + 2.0 * k3y + k4y)
        z += dt / 6.0 * (k1z + 2.0 * k2z + 2.0 * k3z + k4z)
    return x * x + y + z


def lotka_volterra(state, rates, out):
    out[0] = rates[0] * state[0] - rates[1] * state[0] * state[1]
    out[1] = -rates[2] * state[1] + rates[3] * state[0] * state[1]


@program(draw(array(2), array(4), signed(4, 2)))
def lotka_volterra_misfit(state, rates, data):
    k1 = np.empty(2)
    k2 = np.empty(2)
    k3 = np.empty(2)
    k4 = np.empty(2)
    tmp = np.empty(2)
    dt = 0.1
    misfit = 0.0
    for year in range(data.shape[0]):
        for step in range(2):
            lotka_volterra(state, rates, k1)
            for i in range(2):
                tmp[i] = state[i] + 0.5 * dt * k1[i]
            lotka_volterra(tmp, rates, k2)
            for i in range(2):
                tmp[i] = state[i] + 0.5 * dt * k2[i]
            lotka_volterra(tmp, rates, k3)
            for i in range(2):
                tmp[i] = state[i] + dt * k3[i]
            lotka_volterra(tmp, rates, k4)
            for i in range(2):
                state[i] += dt / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i])
        for i in range(2):
            misfit += (math.log(state[i]) - data[year, i]) ** 2
    return misfit


@program(draw(signed(3, 3), signed(3, 3), array(3), 0.01, 3), tags=["compiled"])
def n_body(position, velocity, mass, dt, steps):
    n = mass.shape[0]
    for t in range(steps):
        for i in range(n):
            ax, ay, az = 0.0, 0.0, 0.0
            for j in range(n):
                if i == j:
                    continue
                dx = position[j, 0] - position[i, 0]
                dy = position[j, 1] - position[i, 1]
                dz = position[j, 2] - position[i, 2]
                r2 = dx * dx + dy * dy + dz * dz + 0.1
                f = mass[j] / (r2 * math.sqrt(r2))
                ax += f * dx
                ay += f * dy
                az += f * dz
            velocity[i, 0] += dt * ax
            velocity[i, 1] += dt * ay
            velocity[i, 2] += dt * az
        for i in range(n):
            for k in range(3):
                position[i, k] += dt * velocity[i, k]
    energy = 0.0
    for i in range(n):
        for k in range(3):
            energy += 0.5 * mass[i] * velocity[i, k] ** 2
    return energy, position


@program(draw(array(5, 6), scalar(0.05, 0.2), 3), tags=["compiled"])
def heat_double_buffer(initial, alpha, steps):
    n, m = initial.shape
    u = initial.copy()
    v = initial.copy()
    for t in range(steps):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                v[i, j] = u[i, j] + alpha * (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1] - 4.0 * u[i, j])
        u, v = v, u
    s = 0.0
    for i in range(n):
        for j in range(m):
            s += u[i, j] * u[i, j]
    return s


@program(draw(array(6, 5)))
def gauss_seidel(u):
    for sweep in range(2):
        for i in range(1, u.shape[0] - 1):
            for j in range(1, u.shape[1] - 1):
                u[i, j] = 0.25 * (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1]) + 0.01 * u[i, j] ** 2
    return u


@program(draw(signed(8), array(8), 4))
def wave_leapfrog(start, speed, steps):
    n = start.shape[0]
    old = start.copy()
    now = start.copy()
    new = np.zeros(n)
    for t in range(steps):
        for i in range(1, n - 1):
            c = speed[i] * 0.5
            new[i] = 2.0 * now[i] - old[i] + c * c * (now[i + 1] - 2.0 * now[i] + now[i - 1])
        old, now, new = now, new, old
    return now


@program(draw(signed(8), scalar(0.01, 0.05), 3))
def burgers(u, viscosity, steps):
    n = u.shape[0]
    flux = np.empty(n)
    for t in range(steps):
        for i in range(n):
            right = u[(i + 1) % n]
            flux[i] = 0.25 * (u[i] * u[i] + right * right) - viscosity * (right - u[i])
        for i in range(n):
            u[i] -= 0.05 * (flux[i] - flux[i - 1])
    return u


@program(draw(array(7), 0.1, 4))
def upwind_advection(u, dt, steps):
    for t in range(steps):
        left = u[0]
        for i in range(1, u.shape[0]):
            here = u[i]
            u[i] = here - dt * here * (here - left)
            left = here
    return u


@program(draw(signed(4, 2), signed(4, 2), 0.02, 4))
def verlet(x, v, dt, steps):
    n = x.shape[0]
    force = np.zeros((n, 2))
    for t in range(steps):
        for i in range(n):
            force[i] = 0.0
        for i in range(n):
            for j in range(i):
                dx = x[i, 0] - x[j, 0]
                dy = x[i, 1] - x[j, 1]
                q = 1.0 / (dx * dx + dy * dy + 0.5)
                f = q * q - 0.5 * q
                force[i, 0] += f * dx
                force[i, 1] += f * dy
                force[j, 0] -= f * dx
                force[j, 1] -= f * dy
        for i in range(n):
            for k in range(2):
                v[i, k] += dt * force[i, k]
                x[i, k] += dt * v[i, k]
    return x, v


@program(draw(scalar(0.9, 0.99), scalar(0.3, 0.5), scalar(0.1, 0.2), 15))
def sir_epidemic(susceptible, beta, gamma, days):
    infected = 1.0 - susceptible
    peak = infected
    for day in range(days):
        new = beta * susceptible * infected
        susceptible -= new
        infected += new - gamma * infected
        if infected > peak:
            peak = infected
    return peak, 1.0 - susceptible


@program(draw(0.35, 2.4, 0.05, 20))
def bouncing_in_a_box(x, v, dt, steps):
    for t in range(steps):
        x += v * dt
        v -= 0.3 * v * dt
        if x > 1.0:
            x = 2.0 - x
            v = -0.9 * v
        elif x < 0.0:
            x = -x
            v = -v * 0.8
    return x * v, v


@program(draw(signed(4, 4), scalar(0.3, 0.6), scalar(0.1, 0.2)))
def ising_like_energy(spins, coupling, field):
    n, m = spins.shape
    energy = 0.0
    for i in range(n):
        for j in range(m):
            s = math.tanh(spins[i, j])
            energy -= coupling * s * (math.tanh(spins[i - 1, j]) + math.tanh(spins[i, j - 1])) + field * s
    return energy


@program(draw(signed(3), signed(3), signed(3, 3), array(3, 2), 0.9))
def bundle_adjustment(rotation, translation, points, observed, focal):
    theta = math.sqrt(rotation[0] ** 2 + rotation[1] ** 2 + rotation[2] ** 2)
    c, s = math.cos(theta), math.sin(theta)
    kx, ky, kz = rotation[0] / theta, rotation[1] / theta, rotation[2] / theta
    error = 0.0
    for i in range(points.shape[0]):
        px, py, pz = points[i, 0], points[i, 1], points[i, 2]
        dot = (kx * px + ky * py + kz * pz) * (1.0 - c)
        qx = px * c + (ky * pz - kz * py) * s + kx * dot + translation[0]
        qy = py * c + (kz * px - kx * pz) * s + ky * dot + translation[1]
        qz = pz * c + (kx * py - ky * px) * s + kz * dot + translation[2] + 6.0
        u, v = qx / qz, qy / qz
        distortion = 1.0 + 0.1 * (u * u + v * v)
        error += (focal * distortion * u - observed[i, 0]) ** 2
        error += (focal * distortion * v - observed[i, 1]) ** 2
    return error


@program(draw(scalar(), scalar(0.1, 0.4), scalar(), 20))
def driven_pendulum(angle, damping, drive, steps):
    velocity = 0.0
    dt = 0.05
    for t in range(steps):
        acceleration = -math.sin(angle) - damping * velocity + drive * math.cos(0.7 * t * dt)
        velocity += dt * acceleration
        angle += dt * velocity
    return angle


@program(draw(array(4, high=1.0), 6))
def reaction_network(c, steps):
    rate = np.empty_like(c)
    for t in range(steps):
        forward = 0.5 * c[0] * c[1]
        backward = 0.2 * c[2]
        decay = 0.1 * c[2] * c[3]
        rate[0] = backward - forward
        rate[1] = backward - forward
        rate[2] = forward - backward - decay
        rate[3] = decay
        for i in range(4):
            c[i] += 0.1 * rate[i]
    return c


@program(draw(scalar(), scalar(), scalar(0.5, 0.8)))
def ray_through_lens(height, curvature, distance):
    angle = 0.0
    for surface in range(3):
        normal = math.asin(height * curvature * 0.3)
        refracted = math.asin(math.sin(angle + normal) / 1.5)
        angle = refracted - normal
        height = height + distance * math.tan(angle)
    return height, angle


@program(draw(array(5), fixed([[0, 1], [1, 2], [2, 3], [3, 4], [0, 4]]), array(5), 3))
def flow_on_a_graph(pressure, edges, conductance, steps):
    flow = np.zeros_like(conductance)
    for t in range(steps):
        for e in range(edges.shape[0]):
            i, j = edges[e, 0], edges[e, 1]
            flow[e] = conductance[e] * (pressure[i] - pressure[j])
        for e in range(edges.shape[0]):
            pressure[edges[e, 0]] -= 0.1 * flow[e]
            pressure[edges[e, 1]] += 0.1 * flow[e] * pressure[edges[e, 1]]
    return pressure


@program(draw(signed(5), signed(5), scalar(0.2, 0.4), 3))
def gray_scott_1d(u, v, feed, steps):
    n = u.shape[0]
    nu = np.empty(n)
    nv = np.empty(n)
    for t in range(steps):
        for i in range(n):
            k = i + 1 if i < n - 1 else 0
            reaction = 0.1 * u[i] * v[i] * v[i]
            nu[i] = u[i] + 0.1 * (u[i - 1] - 2.0 * u[i] + u[k]) - reaction + feed * (1.0 - u[i])
            nv[i] = v[i] + 0.05 * (v[i - 1] - 2.0 * v[i] + v[k]) + reaction - feed * v[i]
        u, nu = nu, u
        v, nv = nv, v
    return u, v
