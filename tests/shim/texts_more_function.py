"""Probes: corner cases of functions with a backward of the user's own."""

from tests.shim.texts import probe, say
from tests.shim.texts_function import function


def failing(ctx, g):
    raise ValueError("mine")


@probe("hooks fn")
def _(torch, T, x):
    y = function(torch, lambda ctx, x, k: x * k, lambda ctx, g: (g * 3, None)).apply(x, 2.0)
    seen = []
    y.grad_fn.register_hook(lambda gi, go: seen.append((gi, go)))
    y.grad_fn.register_prehook(seen.append)
    y.register_hook(lambda g: g * 2)
    y.retain_grad()
    y.sum().backward()
    return (seen, y.grad, x.grad)


@probe("list out")
def _(torch, T, x):
    return function(torch, lambda ctx, x: [x * 2, x * 3], lambda ctx, g: g).apply(x)


@probe("one tuple")
def _(torch, T, x):
    return function(torch, lambda ctx, x: (x * 2,), lambda ctx, g: g).apply(x)


@probe("no tensor")
def _(torch, T, x):
    return function(torch, lambda ctx, k: T([1.0]) * k, lambda ctx, g: g).apply(3)


@probe("str out")
def _(torch, T, x):
    return function(torch, lambda ctx, x: "a", lambda ctx, g: g).apply(x)


@probe("needs partly")
def _(torch, T, x):
    b = T([1.0, 1.0, 1.0])
    y = function(torch, lambda ctx, x, b: x * b, lambda ctx, g: (say(ctx.needs_input_grad), g, g * 5)[1:]).apply(x, b)
    say(y.grad_fn.next_functions)
    y.sum().backward()
    return (x.grad, b.grad)


@probe("nested grad")
def _(torch, T, x):
    def bw(ctx, g):
        with torch.enable_grad():
            z = ctx.saved_tensors[0].detach().requires_grad_()
            y = (z**3).sum()
        return torch.autograd.grad(y, z)[0] * g

    def fw(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    y = function(torch, fw, bw).apply(x)
    y.sum().backward()
    return x.grad


@probe("nograd")
def _(torch, T, x):
    with torch.no_grad():
        y = function(torch, lambda ctx, x: x * 2, lambda ctx, g: g).apply(x)
    with torch.inference_mode():
        z = function(torch, lambda ctx, x: x * 2, lambda ctx, g: g).apply(x)
    return (y, z.is_inference(), z.requires_grad)


@probe("anomaly fn")
def _(torch, T, x):
    with torch.autograd.set_detect_anomaly(True):
        function(torch, lambda ctx, x: x * 2, failing).apply(x).sum().backward()


@probe("fn view base")
def _(torch, T, x):
    z = x * 1
    y = function(torch, lambda ctx, x: x[:2], lambda ctx, g: torch.cat([g, g[:1]])).apply(z)
    z.add_(1)
    return y * 2


@probe("ctx attrs")
def _(torch, T, x):
    y = function(
        torch,
        lambda ctx, x: (setattr(ctx, "edges", 5), setattr(ctx, "saved", 6), setattr(ctx, "values", 7), x * 2)[-1],
        lambda ctx, g: g * ctx.edges + ctx.saved + ctx.values,
    ).apply(x)
    y.sum().backward()
    return x.grad


@probe("shape grad fn")
def _(torch, T, x):
    return function(torch, lambda ctx, x, y: x * y, lambda ctx, g: (g, g)).apply(x, x[:1]).sum().backward()


@probe("out saved dd")
def _(torch, T, x):
    def fw(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return (y, y * 2)

    y, z = function(torch, fw, lambda ctx, g, h: (g + 2 * h) * ctx.saved_tensors[0]).apply(x)
    with torch.autograd.graph.save_on_cpu():
        pass
    (g,) = torch.autograd.grad((y * z).sum(), x, create_graph=True)
    return (g, torch.autograd.grad(g.sum(), x))


@probe("ctx z")
def _(torch, T, x):
    def fw(ctx, x):
        z = x * 2
        ctx.z = z
        return z

    y = function(torch, fw, lambda ctx, g: g * ctx.z).apply(x)
    return y.grad_fn.z is y


@probe("super")
def _(torch, T, x):
    return torch.autograd.Function.apply(x)
