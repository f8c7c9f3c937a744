"""Probes: whether operations are recorded, anomaly detection, versions, graphs kept and freed."""

import threading

from tests.shim.texts import probe


@probe("deco")
def _(torch, T, x):
    @torch.no_grad()
    def off():
        return torch.is_grad_enabled()

    @torch.no_grad
    def bare():
        return torch.is_grad_enabled()

    @torch.enable_grad()
    def on():
        return torch.is_grad_enabled()

    @torch.inference_mode()
    def inferring():
        return torch.is_inference_mode_enabled(), torch.is_grad_enabled()

    return off(), bare(), on(), inferring(), torch.is_grad_enabled()


@probe("set_grad_enabled deco")
def _(torch, T, x):
    @torch.set_grad_enabled(False)
    def off():
        return torch.is_grad_enabled()

    return off(), torch.is_grad_enabled()


@probe("gen deco")
def _(torch, T, x):
    @torch.no_grad()
    def rows():
        for _ in range(3):
            yield torch.is_grad_enabled()

    return [(inside, torch.is_grad_enabled()) for inside in rows()]


@probe("set_grad_enabled as function")
def _(torch, T, x):
    torch.set_grad_enabled(False)
    found = torch.is_grad_enabled()
    torch.set_grad_enabled(True)
    return found


@probe("class deco")
def _(torch, T, x):
    @torch.no_grad()
    class Some:
        pass


@probe("in no_grad")
def _(torch, T, x):
    with torch.no_grad():
        y = x * 2
        return y.requires_grad, y.is_leaf, x.requires_grad


@probe("no_grad nested enable")
def _(torch, T, x):
    with torch.no_grad():
        outer = torch.is_grad_enabled()
        with torch.enable_grad():
            inner = torch.is_grad_enabled()
    with torch.set_grad_enabled(False):
        context = torch.is_grad_enabled()
    return outer, inner, context, torch.is_grad_enabled()


@probe("inference")
def _(torch, T, x):
    with torch.inference_mode():
        y = x * 2
        return y.requires_grad, y.is_inference(), torch.is_inference_mode_enabled()


@probe("thread local")
def _(torch, T, x):
    seen = []
    with torch.no_grad():
        thread = threading.Thread(target=lambda: seen.append(torch.is_grad_enabled()))
        thread.start()
        thread.join()
    return seen


@probe("backward inside no_grad of no-grad")
def _(torch, T, x):
    with torch.no_grad():
        (x * 2).sum().backward()


@probe("backward inside no_grad graph existing")
def _(torch, T, x):
    y = (x * x).sum()
    with torch.no_grad():
        y.backward()
    return x.grad


@probe("anomaly nan")
def _(torch, T, x):
    with torch.autograd.detect_anomaly():
        T([-1.0], requires_grad=True).sqrt().sum().backward()


@probe("anomaly nan2")
def _(torch, T, x):
    with torch.autograd.set_detect_anomaly(True):
        a = T([0.0], requires_grad=True)
        (a.sqrt() * 0).sum().backward()


@probe("anomaly off again")
def _(torch, T, x):
    with torch.autograd.set_detect_anomaly(True):
        inside = torch.is_anomaly_enabled()
    torch.autograd.set_detect_anomaly(True, check_nan=False)
    checks = torch.is_anomaly_check_nan_enabled()
    torch.autograd.set_detect_anomaly(False)
    return inside, checks, torch.is_anomaly_enabled()


@probe("anomaly overwritten")
def _(torch, T, x):
    with torch.autograd.set_detect_anomaly(True, check_nan=False):
        y = x.exp()
        y.add_(1)
        y.sum().backward()


@probe("anomaly made before")
def _(torch, T, x):
    y = T([-1.0], requires_grad=True).sqrt().sum()
    with torch.autograd.set_detect_anomaly(True):
        y.backward()


@probe("anomaly second order")
def _(torch, T, x):
    with torch.autograd.set_detect_anomaly(True):
        a = T([0.0], requires_grad=True)
        (g,) = torch.autograd.grad((a**1.5).sum(), a, create_graph=True)
        (g * 0).sum().backward()


@probe("retain_graph accumulates")
def _(torch, T, x):
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    return x.grad


@probe("create_graph")
def _(torch, T, x):
    (g,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
    return g, torch.autograd.grad(g.sum(), x)


@probe("backward create_graph warn")
def _(torch, T, x):
    (x**3).sum().backward(create_graph=True)
    found = x.grad.requires_grad
    x.grad = None
    return found


@probe("backward inputs")
def _(torch, T, x):
    a = T([1.0, 1.0, 1.0], requires_grad=True)
    (a * x).sum().backward(inputs=[a])
    return a.grad, x.grad


@probe("backward inputs empty")
def _(torch, T, x):
    x.sum().backward(inputs=[])


@probe("nested grads None default")
def _(torch, T, x):
    return x.grad


@probe("grad accumulates in place")
def _(torch, T, x):
    y = (x * x).sum()
    y.backward(retain_graph=True)
    g = x.grad
    y.backward()
    return x.grad is g, g


@probe("versions")
def _(torch, T, x):
    a = T([1.0, 2.0])
    seen = [a._version]
    a.add_(1)
    a.mul_(2)
    a[0] = 3.0
    seen.append(a._version)
    a.data.add_(1)
    seen.append(a._version)
    return seen, a.detach()._version, a.view(2, 1)._version


@probe("output of a write")
def _(torch, T, x):
    a = T([1.0, 2.0, 3.0])
    a.mul_(x)
    return a.is_leaf, a.grad_fn, x.grad_fn, a.output_nr, a.requires_grad_(True) is a


@probe("aug slice")
def _(torch, T, x):
    y = x * 1
    y[1:] *= 3
    return y.grad_fn, torch.autograd.grad(y.sum(), x)


@probe("backward(gradient)")
def _(torch, T, x):
    x.exp().backward(T([2.0, 2.0, 2.0]))
    return x.grad


@probe("multi backward")
def _(torch, T, x):
    torch.autograd.backward([(x**2).sum(), (x**3).sum()])
    return x.grad


@probe("multi backward lengths")
def _(torch, T, x):
    torch.autograd.backward([x.sum(), x.sum()], [T(1.0)])


@probe("grad None for nonscalar")
def _(torch, T, x):
    torch.autograd.grad(x * 2, x)


@probe("is_grads_batched")
def _(torch, T, x):
    eye = torch.eye(3, dtype=torch.float64)
    return torch.autograd.grad(x * x, x, grad_outputs=eye, is_grads_batched=True)
