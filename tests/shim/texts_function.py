"""Probes: functions with a backward of the user's own."""

from tests.shim.texts import probe, say


def function(torch, forward, backward=None, name="F", wrap=None, **more):
    """A subclass of `Function`; `wrap` decorates its backward."""
    scope = {"forward": staticmethod(forward), **more}
    if backward is not None:
        scope["backward"] = staticmethod(wrap(backward) if wrap else backward)
    return type(name, (torch.autograd.Function,), scope)


def doubled(ctx, x):
    return x * 2


def cube(torch):
    def forward(ctx, x, n):
        ctx.save_for_backward(x)
        ctx.n = n
        return x**n

    def backward(ctx, g):
        say("   needs", ctx.needs_input_grad)
        (x,) = ctx.saved_tensors
        return g * ctx.n * x ** (ctx.n - 1), None

    return function(torch, forward, backward, "Cube")


@probe("Function")
def _(torch, T, x):
    y = cube(torch).apply(x, 3)
    (y.sum() * 2).backward()
    return y.grad_fn, type(y.grad_fn).__name__, x.grad


@probe("too many grads")
def _(torch, T, x):
    function(torch, doubled, lambda ctx, g: (g, g), "BadN").apply(x).sum().backward()


@probe("too few grads")
def _(torch, T, x):
    function(torch, lambda ctx, x, y: x * y, lambda ctx, g: g, "BadN2").apply(x, x).sum().backward()


@probe("bad shape grad")
def _(torch, T, x):
    function(torch, doubled, lambda ctx, g: g[:1], "BadS").apply(x).sum().backward()


@probe("bad shape grad 2")
def _(torch, T, x):
    function(torch, doubled, lambda ctx, g: g[:2], "BadS2").apply(x).sum().backward()


@probe("broad grad")
def _(torch, T, x):
    function(torch, doubled, lambda ctx, g: T([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), "Broad").apply(x).sum().backward()
    return x.grad


@probe("bad type grad")
def _(torch, T, x):
    function(torch, doubled, lambda ctx, g: 1.0).apply(x).sum().backward()


@probe("grad of number")
def _(torch, T, x):
    function(torch, lambda ctx, x, k: x * k, lambda ctx, g: (g, g)).apply(x, 3).sum().backward()


@probe("no backward")
def _(torch, T, x):
    function(torch, doubled).apply(x).sum().backward()


@probe("no forward")
def _(torch, T, x):
    type("N", (torch.autograd.Function,), {}).apply(x)


@probe("instantiate legacy")
def _(torch, T, x):
    cube(torch)()(x)


@probe("save non tensor")
def _(torch, T, x):
    function(torch, lambda ctx, x: ctx.save_for_backward(1.0) or x * 2).apply(x)


@probe("save none")
def _(torch, T, x):
    def forward(ctx, x):
        ctx.save_for_backward(None, x)
        return x * 2

    def backward(ctx, g):
        say("   saved", ctx.saved_tensors)
        return g * 2

    function(torch, forward, backward).apply(x).sum().backward()


@probe("once_diff")
def _(torch, T, x):
    once = torch.autograd.function.once_differentiable
    y = function(torch, doubled, lambda ctx, g: g * 2, wrap=once).apply(x)
    (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    g.sum().backward()


@probe("once_diff twice")
def _(torch, T, x):
    once = torch.autograd.function.once_differentiable
    y = function(torch, doubled, lambda ctx, g: g * 2, wrap=once).apply(x * x)
    (g,) = torch.autograd.grad((y * y).sum(), x, create_graph=True)
    g.sum().backward()


def overwriting(ctx, x):
    x.mul_(2)
    ctx.mark_dirty(x)
    return x


@probe("mark_dirty leaf")
def _(torch, T, x):
    function(torch, overwriting, lambda ctx, g: g * 2, "MD").apply(x)


@probe("mark_dirty nonleaf")
def _(torch, T, x):
    z = x * 1
    y = function(torch, overwriting, lambda ctx, g: g * 2, "MD").apply(z)
    return y.grad_fn, z.grad_fn, y is z


@probe("mark_dirty view")
def _(torch, T, x):
    z = x * 1
    function(torch, overwriting, lambda ctx, g: g * 7, "MD").apply(z[:1])
    z.sum().backward()
    return z.grad_fn, z._version, x.grad


@probe("mark_dirty view of leaf")
def _(torch, T, x):
    function(torch, overwriting, lambda ctx, g: g * 2, "MD").apply(x[:1])


@probe("mark_dirty not returned")
def _(torch, T, x):
    function(torch, lambda ctx, x: overwriting(ctx, x) * 1).apply(x * 1)


@probe("mark_non_diff")
def _(torch, T, x):
    def forward(ctx, x):
        at = x.argmax()
        ctx.mark_non_differentiable(at)
        return x * 2, at

    def backward(ctx, g, gi):
        say("   gi", gi)
        return g * 2

    y, at = function(torch, forward, backward).apply(x)
    y.sum().backward()
    return at.requires_grad


@probe("set_materialize_grads")
def _(torch, T, x):
    def forward(ctx, x):
        ctx.set_materialize_grads(False)
        return x * 2, x * 3

    def backward(ctx, g, h):
        say("   g,h", g, h)
        return g * 2

    function(torch, forward, backward).apply(x)[0].sum().backward()


@probe("several outputs")
def _(torch, T, x):
    def forward(ctx, x):
        return x * 2, "text", x * 3

    def backward(ctx, g, h, i):
        say("   g,h,i", g, h, i)
        return g * 2 + i * 3

    y, text, z = function(torch, forward, backward).apply(x)
    z.sum().backward()
    return x.grad, text, y.output_nr, z.output_nr


@probe("setup_context")
def _(torch, T, x):
    def setup_context(ctx, inputs, output):
        say("   needs", ctx.needs_input_grad)
        ctx.k = inputs[1]

    f = function(torch, lambda x, k: x * k, lambda ctx, g: (g * ctx.k, None), setup_context=staticmethod(setup_context))
    f.apply(x, 3).sum().backward()


@probe("setup_context missing")
def _(torch, T, x):
    torch.autograd.Function.setup_context(None, (), None)


@probe("saved_tensors after backward")
def _(torch, T, x):
    y = cube(torch).apply(x, 3)
    y.sum().backward()
    return y.grad_fn.saved_tensors


@probe("saved input modified")
def _(torch, T, x):
    z = x * 1
    y = cube(torch).apply(z, 3)
    z.add_(1)
    y.sum().backward()


@probe("saved output modified")
def _(torch, T, x):
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    y = function(torch, forward, lambda ctx, g: g * ctx.saved_tensors[0], "Exp").apply(x)
    y.mul_(2)
    y.sum().backward()


@probe("input returned")
def _(torch, T, x):
    y = function(torch, lambda ctx, x: x, lambda ctx, g: g * 7).apply(x)
    y.sum().backward()
    return y is x, y.grad_fn, x.grad


@probe("input returned, overwritten")
def _(torch, T, x):
    function(torch, lambda ctx, x: x, lambda ctx, g: g * 7).apply(x * 1).mul_(2)


@probe("vjp")
def _(torch, T, x):
    y = function(torch, doubled, vjp=staticmethod(lambda ctx, g: g * 5)).apply(x)
    return torch.autograd.grad(y.sum(), x)


@probe("vjp and backward")
def _(torch, T, x):
    f = function(torch, doubled, lambda ctx, g: g, vjp=staticmethod(lambda ctx, g: g))
    f.apply(x).sum().backward()


@probe("Function twice differentiated")
def _(torch, T, x):
    y = cube(torch).apply(x, 3)
    (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    return g, torch.autograd.grad(g.sum(), x)
