"""Probes: forward mode, derivatives as functions of functions, Jacobians and Hessians."""

from tests.shim.texts import probe


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
