"""Probes: corner cases of gradient checks, Jacobians and Hessians."""

from tests.shim.texts import probe
from tests.shim.texts_function import function


@probe("gc list")
def _(torch, T, x):
    return torch.autograd.gradcheck(lambda a, b: [a * b, a], [x, T([1.0, 1.0, 1.0], requires_grad=True)])


@probe("gc nodiff out")
def _(torch, T, x):
    return torch.autograd.gradcheck(lambda a: a.detach() * 2, x)


@probe("gc 2d")
def _(torch, T, x):
    return torch.autograd.gradcheck(
        function(torch, lambda ctx, x: x.sum(), lambda ctx, g: g.expand(2, 2) * T([[1.0, 1.0], [1.0, 1.5]])).apply,
        T([[1.0, 2.0], [3.0, 4.0]], requires_grad=True),
    )


@probe("gc mulgrad")
def _(torch, T, x):
    return torch.autograd.gradcheck(function(torch, lambda ctx, x: x * 2, lambda ctx, g: T([2.0, 2.0, 2.0])).apply, x)


@probe("gg shape")
def _(torch, T, x):
    return torch.autograd.gradcheck(function(torch, lambda ctx, x: x * 2, lambda ctx, g: (g * 2)[:1]).apply, x)


@probe("jac strict2")
def _(torch, T, x):
    return torch.autograd.functional.jacobian(lambda a, b: a * 2, (x, x), strict=True)


@probe("jvp strict")
def _(torch, T, x):
    return torch.autograd.functional.jvp(lambda a, b: a * 2, (x, x), (x, x), strict=True)


@probe("vjp strict")
def _(torch, T, x):
    return torch.autograd.functional.vjp(lambda a, b: a * 2, (x, x), x, strict=True)


@probe("vhp")
def _(torch, T, x):
    return torch.autograd.functional.vhp(lambda a, b: (a * a * b).sum(), (x, x), (x, x), create_graph=True)


@probe("hvp")
def _(torch, T, x):
    return torch.autograd.functional.hvp(lambda a, b: (a * a * b).sum(), (x, x), (x, x), create_graph=False)


@probe("hvp2")
def _(torch, T, x):
    return torch.autograd.functional.hvp(lambda a, b: (a * a).sum(), (x, x), (x, x))


@probe("hvp3")
def _(torch, T, x):
    return torch.autograd.functional.hvp(lambda a, b: (a * a).sum(), (x, x), (x,))


@probe("jac cg")
def _(torch, T, x):
    return torch.autograd.functional.jacobian(lambda a: a.sum() * a, x, create_graph=True)


@probe("hess cg")
def _(torch, T, x):
    return torch.autograd.functional.hessian(lambda a: (a**3).sum(), x, create_graph=True)


@probe("jac const")
def _(torch, T, x):
    return torch.autograd.functional.jacobian(lambda a: T([1.0, 2.0]), x)


@probe("jac strat")
def _(torch, T, x):
    return torch.autograd.functional.jacobian(lambda a: a, x, strategy="x")


@probe("jac list")
def _(torch, T, x):
    return torch.autograd.functional.jacobian(lambda a: a, [x])


@probe("jac tup")
def _(torch, T, x):
    return torch.autograd.functional.jacobian(lambda a: a, (x, 1))


@probe("vjp tup")
def _(torch, T, x):
    return torch.autograd.functional.vjp(lambda a: (a, a * 2), x, (x,))


@probe("jvp out2")
def _(torch, T, x):
    return torch.autograd.functional.jvp(lambda a: (a * a, a.sum()), x, x)


@probe("dual shape")
def _(torch, T, x):
    with torch.autograd.forward_ad.dual_level():
        return torch.autograd.forward_ad.make_dual(x, T([1.0]))
