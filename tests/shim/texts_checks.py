"""Probes: gradient checks, saved tensors' hooks, checkpoints, profiles, functional derivatives, forward mode."""

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
    with torch.autograd.graph.disable_saved_tensors_hooks("not here"):
        with torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
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


def dual(torch, T, f, at, direction):
    ad = torch.autograd.forward_ad
    with ad.dual_level():
        return ad.unpack_dual(f(ad.make_dual(T(at), T(direction))))


@probe("make_dual")
def _(torch, T, x):
    return tuple(dual(torch, T, lambda x: x**3, [2.0], [1.0]))


@probe("make_dual outside")
def _(torch, T, x):
    torch.autograd.forward_ad.make_dual(x, x)


@probe("func.grad")
def _(torch, T, x):
    return torch.func.grad(lambda x: (x**3).sum())(T([1.0, 2.0]))


@probe("func.grad twice")
def _(torch, T, x):
    return torch.func.grad(torch.func.grad(lambda x: x**3))(T(2.0))


@probe("func.grad has_aux")
def _(torch, T, x):
    return torch.func.grad_and_value(lambda x: ((x**3).sum(), "aux"), has_aux=True)(T([1.0, 2.0]))


@probe("func.grad argnums")
def _(torch, T, x):
    return torch.func.grad(lambda x, y: (x * y).sum(), argnums=(0, 1))(T([1.0, 2.0]), T([3.0, 4.0]))


@probe("func.grad nonscalar")
def _(torch, T, x):
    torch.func.grad(lambda x: x * 2)(x)


@probe("func.grad not a tensor")
def _(torch, T, x):
    torch.func.grad(lambda x: 2.0)(x)


@probe("func.vjp")
def _(torch, T, x):
    y, pull = torch.func.vjp(lambda x: x**2, T([1.0, 2.0]))
    return y, pull(T([1.0, 10.0]))


@probe("func.jvp")
def _(torch, T, x):
    return torch.func.jvp(lambda x: x**2, (T([1.0, 2.0]),), (T([1.0, 10.0]),))


@probe("func.jacrev")
def _(torch, T, x):
    return torch.func.jacrev(lambda x: x**2)(T([1.0, 2.0])), torch.func.jacfwd(lambda x: x**2)(T([1.0, 2.0]))


@probe("func.hessian")
def _(torch, T, x):
    return torch.func.hessian(lambda x: (x**3).sum())(T([1.0, 2.0]))


@probe("func.vmap")
def _(torch, T, x):
    m = T([[1.0, 2.0], [3.0, 4.0]])
    return torch.func.vmap(torch.dot)(m, m), torch.func.vmap(lambda a, b: a * b, in_dims=(0, None))(m, T(2.0))


@probe("func.vmap of grad")
def _(torch, T, x):
    return torch.func.vmap(torch.func.grad(lambda x: (x**2).sum()))(T([[1.0, 2.0], [3.0, 4.0]]))


@probe("jacobian")
def _(torch, T, x):
    return torch.autograd.functional.jacobian(lambda x: x**2, T([1.0, 2.0]))


@probe("jacobian of several")
def _(torch, T, x):
    return torch.autograd.functional.jacobian(lambda x, y: (x * y, y.sum()), (T([1.0, 2.0]), T([3.0, 4.0])))


@probe("jacobian create_graph")
def _(torch, T, x):
    j = torch.autograd.functional.jacobian(lambda x: x**2, x, create_graph=True)
    return j.requires_grad, torch.autograd.grad(j.sum(), x)


@probe("hessian")
def _(torch, T, x):
    return torch.autograd.functional.hessian(lambda x: (x**3).sum(), T([1.0, 2.0]))


@probe("hessian of several")
def _(torch, T, x):
    return torch.autograd.functional.hessian(lambda x, y: (x * y).sum(), (T([1.0]), T([3.0])))


@probe("hessian nonscalar")
def _(torch, T, x):
    torch.autograd.functional.hessian(lambda x: x**3, T([1.0, 2.0]))


@probe("vjp, jvp, vhp, hvp")
def _(torch, T, x):
    a, v = T([1.0, 2.0]), T([1.0, 10.0])
    functional = torch.autograd.functional
    f = lambda x: (x**3).sum()  # noqa: E731
    return (
        functional.vjp(lambda x: x**2, a, v), functional.jvp(lambda x: x**2, a, v), functional.vhp(f, a, v),
        functional.hvp(f, a, v), functional.vjp(f, a),
    )  # fmt: skip


@probe("vjp without v")
def _(torch, T, x):
    torch.autograd.functional.vjp(lambda x: x**2, T([1.0, 2.0]))


@probe("jvp without v")
def _(torch, T, x):
    torch.autograd.functional.jvp(lambda x: x**2, T([1.0, 2.0]))


@probe("vjp of wrong v")
def _(torch, T, x):
    torch.autograd.functional.vjp(lambda x: x**2, T([1.0, 2.0]), T([1.0]))


@probe("functional of no tensor")
def _(torch, T, x):
    torch.autograd.functional.jacobian(lambda x: x**2, 2.0)


@probe("functional gives no tensor")
def _(torch, T, x):
    torch.autograd.functional.jacobian(lambda x: 2.0, T([1.0]))


@probe("jacobian strict")
def _(torch, T, x):
    torch.autograd.functional.jacobian(lambda x: T([1.0]), T([1.0]), strict=True)


@probe("hessian strict")
def _(torch, T, x):
    torch.autograd.functional.hessian(lambda x: x.sum(), T([1.0]), strict=True)


@probe("hvp strict")
def _(torch, T, x):
    torch.autograd.functional.hvp(lambda x: x.sum(), T([1.0]), T([1.0]), strict=True)
