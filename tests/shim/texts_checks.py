"""Probes: gradient checks, hooks on saved tensors, checkpoints, profiles."""

from tests.shim.texts import probe
from tests.shim.texts_function import function


def wrong(torch):
    return function(torch, lambda ctx, x: x**2, lambda ctx, g: g).apply


@probe("gradcheck wrong")
def _(torch, T, x):
    torch.autograd.gradcheck(wrong(torch), x)


@probe("gradcheck float32")
def _(torch, T, x):
    torch.autograd.gradcheck(lambda x: x * 2, torch.ones(3, requires_grad=True))


@probe("gradcheck no req")
def _(torch, T, x):
    torch.autograd.gradcheck(lambda x: x * 2, T([1.0]))


@probe("gradcheck ok")
def _(torch, T, x):
    return torch.autograd.gradcheck(lambda x: x.sin() * x, x)


@probe("gradcheck several")
def _(torch, T, x):
    m = T([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
    return torch.autograd.gradcheck(lambda a, b: (a @ b, b.exp(), a.detach()), (m, x))


@probe("gradcheck second output wrong")
def _(torch, T, x):
    torch.autograd.gradcheck(lambda a, b: (a * b, wrong(torch)(b)), (T([1.0, 1.0, 1.0]), x))


@probe("gradgradcheck ok")
def _(torch, T, x):
    return torch.autograd.gradgradcheck(lambda x: x.sin() * x, x)


@probe("gradcheck noraise")
def _(torch, T, x):
    return torch.autograd.gradcheck(wrong(torch), x, raise_exception=False)


@probe("gradcheck reentrant")
def _(torch, T, x):
    noise = iter(range(1000))
    f = function(torch, lambda ctx, x: x * 2, lambda ctx, g: g * (2 + 1e-6 * next(noise)))
    torch.autograd.gradcheck(f.apply, x)


@probe("gradcheck tuple")
def _(torch, T, x):
    torch.autograd.gradcheck(lambda x: "text", x)


@probe("saved hooks")
def _(torch, T, x):
    seen = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: seen.append(t.shape) or t, lambda t: t):
        y = x * x
    y.sum().backward()
    return seen, x.grad


@probe("saved hooks not a tensor")
def _(torch, T, x):
    with torch.autograd.graph.saved_tensors_hooks(lambda t: 1, lambda t: t):
        y = x * x
    y.sum().backward()


@probe("saved hooks writing")
def _(torch, T, x):
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.add_(1), lambda t: t):
        x * x


@probe("saved hooks twice differentiated")
def _(torch, T, x):
    with torch.autograd.graph.save_on_cpu():
        y = x.exp() * x
        (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    return torch.autograd.grad(g.sum(), x)


@probe("saved hooks of Function")
def _(torch, T, x):
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**2

    f = function(torch, forward, lambda ctx, g: g * 2 * ctx.saved_tensors[0])
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.tolist(), T):
        y = f.apply(x)
    y.sum().backward()
    return x.grad


@probe("disabled hooks")
def _(torch, T, x):
    graph = torch.autograd.graph
    with graph.disable_saved_tensors_hooks("not here"), graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        pass


@probe("multi_grad_hook")
def _(torch, T, x):
    seen = []
    b = T([1.0, 1.0, 1.0], requires_grad=True)
    torch.autograd.graph.register_multi_grad_hook((x, b), lambda gs: seen.append([g is not None for g in gs]))
    (x * 2).sum().backward()
    return seen


@probe("multi_grad_hook any")
def _(torch, T, x):
    seen = []
    b = T([1.0, 1.0, 1.0], requires_grad=True)
    torch.autograd.graph.register_multi_grad_hook((x, b), seen.append, mode="any")
    (x * b).sum().backward()
    return len(seen)


@probe("increment_version")
def _(torch, T, x):
    y = x * 1
    z = y * y
    torch.autograd.graph.increment_version(y)
    z.sum().backward()


@probe("gradient edge")
def _(torch, T, x):
    y = x * 2
    edge = torch.autograd.graph.get_gradient_edge(y)
    return edge.node is y.grad_fn, edge.output_nr, torch.autograd.grad((y * y).sum(), edge)


@probe("gradient edge of constant")
def _(torch, T, x):
    torch.autograd.graph.get_gradient_edge(T([1.0]))


def sine(torch, x, **options):
    from_utils = torch.utils.checkpoint.checkpoint
    return from_utils(lambda x: (x.sin() * x).sum(), x, **options)


@probe("ckpt")
def _(torch, T, x):
    y = sine(torch, x, use_reentrant=False)
    y.backward()
    return x.grad, y.grad_fn


@probe("ckpt reentrant")
def _(torch, T, x):
    y = sine(torch, x, use_reentrant=True)
    y.backward()
    return x.grad, y.grad_fn


@probe("ckpt noflag")
def _(torch, T, x):
    return torch.utils.checkpoint.checkpoint(torch.sin, x)


@probe("ckpt reentrant + autograd.grad")
def _(torch, T, x):
    torch.autograd.grad(sine(torch, x, use_reentrant=True), x)


@probe("ckpt reentrant no grad input")
def _(torch, T, x):
    return torch.utils.checkpoint.checkpoint(torch.sin, T([1.0]), use_reentrant=True)


@probe("ckpt nondeterministic")
def _(torch, T, x):
    noise = iter([1.0, 2.0])
    torch.utils.checkpoint.checkpoint(lambda x: x * x * next(noise), x, use_reentrant=False).sum().backward()


@probe("ckpt other number of tensors")
def _(torch, T, x):
    again = iter([True, False])
    f = lambda x: x.sin().exp() * x if next(again) else x + 1  # noqa: E731 - PyTorch's message holds no name
    torch.utils.checkpoint.checkpoint(f, x, use_reentrant=False).sum().backward()


@probe("ckpt other shapes")
def _(torch, T, x):
    sizes = iter([3, 2])
    f = lambda x: x[: next(sizes)].exp()  # noqa: E731
    torch.utils.checkpoint.checkpoint(f, x, use_reentrant=False).sum().backward()


@probe("ckpt random")
def _(torch, T, x):
    torch.manual_seed(0)
    drawn = []

    def f(x):
        drawn.append(torch.rand(3, dtype=torch.float64))
        return x * x * drawn[-1]

    torch.utils.checkpoint.checkpoint(f, x, use_reentrant=False).sum().backward()
    return torch.equal(drawn[0], drawn[1]), torch.allclose(x.grad, 2 * x.detach() * drawn[0])


@probe("ckpt twice differentiated")
def _(torch, T, x):
    (g,) = torch.autograd.grad(sine(torch, x, use_reentrant=False), x, create_graph=True)
    return torch.autograd.grad(g.sum(), x)


@probe("ckpt of segments")
def _(torch, T, x):
    y = torch.utils.checkpoint.checkpoint_sequential([torch.sin, torch.exp, torch.cos], 2, x, use_reentrant=False)
    y.sum().backward()
    return y, x.grad


@probe("profiler")
def _(torch, T, x):
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], record_shapes=True) as p:
        with torch.profiler.record_function("mine"):
            y = (x * x).sin()
        y.sum().backward()
    names = {e.key: e.count for e in p.key_averages()}
    wanted = ("mine", "aten::mul", "aten::sin", "aten::sum", "autograd::engine::evaluate_function: SinBackward0",
              "SinBackward0", "MulBackward0")  # fmt: skip
    counts = [(n, names[n]) for n in wanted if n != "aten::mul"]
    table = p.key_averages().table(sort_by="cpu_time_total", row_limit=5)
    return counts, [title in table for title in ("Name", "Self CPU", "CPU total", "# of Calls")]
