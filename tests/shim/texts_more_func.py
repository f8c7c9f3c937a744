"""Probes: corner cases of derivatives as functions of functions."""

from tests.shim.texts import probe


@probe("func of captured leaf")
def _(torch, T, x):
    (g,) = torch.autograd.grad(torch.func.grad(lambda a: (a * x).sin().sum())(T([1.0, 4.0, 2.0])).sum(), x)
    return g, torch.func.grad(lambda a: (a * x).sin().sum())(x).requires_grad


@probe("func in no_grad")
def _(torch, T, x):
    with torch.no_grad():
        return torch.func.grad(lambda a: (a * x).sin().sum())(T([1.0, 4.0, 2.0]))


@probe("func nested")
def _(torch, T, x):
    a = T([1.0, 4.0])
    inner = torch.func.grad
    return torch.func.grad(lambda a: a.sum() * inner(lambda b: (a * b * b).sum())(a).sum())(a)


@probe("func of a tree")
def _(torch, T, x):
    a = T([1.0, 4.0])
    return torch.func.grad(lambda p: (p["a"] * p["b"][0]).sum())({"a": a, "b": [a * 2]})


@probe("func.jacrev of a tree")
def _(torch, T, x):
    a = T([1.0, 4.0])
    return torch.func.jacrev(lambda a, b: (a * b, {"s": a.sum()}), argnums=(0, 1))(a, a * 3)


@probe("func.jvp of several")
def _(torch, T, x):
    a = T([1.0, 4.0])
    return torch.func.jvp(lambda a, b: (a * b, a.sum()), (a, a * 3), (a, a))


@probe("func.vjp of several")
def _(torch, T, x):
    a = T([1.0, 4.0])
    y, pull = torch.func.vjp(lambda a, b: (a * b, a.sum()), a, a * 3)
    return y, pull((a, T(1.0)))


@probe("func.jvp of func.grad")
def _(torch, T, x):
    a = T([1.0, 4.0])
    return torch.func.jvp(torch.func.grad(lambda a: (a**3).sum()), (a,), (a,))


@probe("func.hessian of several")
def _(torch, T, x):
    a = T([1.0, 4.0])
    return torch.func.hessian(lambda a, b: (a * a * b).sum(), argnums=(0, 1))(a, a)


@probe("func.jacrev twice")
def _(torch, T, x):
    return torch.func.jacrev(torch.func.jacrev(lambda a: a**3))(T([1.0, 4.0]))


@probe("func.vmap out_dims")
def _(torch, T, x):
    m = T([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    return torch.func.vmap(lambda a: (a * 2, a.sum()), out_dims=(1, 0))(m)


@probe("func.vmap sizes")
def _(torch, T, x):
    torch.func.vmap(lambda a, b: a * b)(T([1.0, 2.0]), T([1.0]))


@probe("func.grad argnums too high")
def _(torch, T, x):
    torch.func.grad(lambda a: a, argnums=2)(x)


@probe("func.grad of constant")
def _(torch, T, x):
    return torch.func.grad(lambda a: T(1.0))(T([1.0]))


@probe("func.grad of number")
def _(torch, T, x):
    torch.func.grad(lambda a: a.sum())(2.0)


@probe("func.grad without aux")
def _(torch, T, x):
    torch.func.grad(lambda a: a.sum(), has_aux=True)(T([1.0]))


@probe("func.grad with aux")
def _(torch, T, x):
    return torch.func.grad(lambda a: (a.sum(), a * 2), has_aux=True)(T([1.0]))


@probe("func.jvp no tuple")
def _(torch, T, x):
    torch.func.jvp(lambda a: a, x, x)


@probe("Variable")
def _(torch, T, x):
    y = x * 2
    v = torch.autograd.Variable(y)
    v.add_(1)
    made = torch.autograd.Variable(T([1.0]), requires_grad=True)
    return v, y._version, made, isinstance(y, torch.autograd.Variable)


@probe("Variable of list")
def _(torch, T, x):
    torch.autograd.Variable([1.0])


@probe("func.functional_call")
def _(torch, T, x):
    m = torch.nn.Linear(2, 1, dtype=torch.float64)
    given = {"weight": T([[2.0, 3.0]]), "bias": T([1.0])}
    before = m.weight
    y = torch.func.functional_call(m, given, (T([1.0, 10.0]),))
    g = torch.func.grad(lambda p: torch.func.functional_call(m, p, T([1.0, 10.0])).sum())(given)
    return y, m.weight is before, g
