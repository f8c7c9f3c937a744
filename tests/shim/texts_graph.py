"""Probes: backward passes, leaves, writes to tensors, views and names of nodes."""

import copy

import numpy as np

from tests.shim.texts import probe


@probe("no grad needed")
def _(torch, T, x):
    T([1.0, 2.0]).sum().backward()


@probe("nonscalar")
def _(torch, T, x):
    (x * 2).backward()


def twice(y):
    y.backward()
    y.backward()


@probe("twice")
def _(torch, T, x):
    twice((x * x).sum())


@probe("twice linear (x*2 saves nothing? )")
def _(torch, T, x):
    twice((x * 2).sum())


@probe("twice add")
def _(torch, T, x):
    twice((x + 1).sum())
    return "add twice"


@probe("leaf inplace")
def _(torch, T, x):
    x.add_(1)


@probe("leaf setitem")
def _(torch, T, x):
    x[0] = 5.0


@probe("view of leaf")
def _(torch, T, x):
    x.view(3).add_(1)


@probe("view of leaf2")
def _(torch, T, x):
    x[:2].mul_(2)


@probe("saved modified")
def _(torch, T, x):
    y = x * 2
    z = y * y
    y.add_(1)
    z.sum().backward()


@probe("exp result modified")
def _(torch, T, x):
    y = x.exp()
    y.add_(1)
    y.sum().backward()


@probe("nonrequires saved modified")
def _(torch, T, x):
    b = T([1.0, 1.0, 1.0])
    y = x * b
    b.add_(1)
    y.sum().backward()


@probe("inplace setitem nonleaf ok")
def _(torch, T, x):
    y = x * 2
    y[0] = 0.0
    y.sum().backward()
    return x.grad


@probe("view+inplace")
def _(torch, T, x):
    y = x * 1
    v = y[0]
    z = v * v
    y.add_(1)
    z.backward()


@probe("view created in no_grad then inplace")
def _(torch, T, x):
    y = x * 1
    with torch.no_grad():
        v = y[0:1]
    v.mul_(2)


@probe("no_grad leaf inplace")
def _(torch, T, x):
    with torch.no_grad():
        x.add_(1)
    return x, x._version


@probe("unbind inplace leaf")
def _(torch, T, x):
    x.unbind()[0].add_(1)


@probe("unbind inplace nonleaf")
def _(torch, T, x):
    (x * 1).unbind()[0].add_(1)


@probe("int requires_grad")
def _(torch, T, x):
    torch.tensor([1], requires_grad=True)


@probe("int requires_grad_()")
def _(torch, T, x):
    torch.tensor([1]).requires_grad_()


@probe("int requires_grad=")
def _(torch, T, x):
    torch.tensor([1]).requires_grad = True


@probe("nonleaf requires_grad=False")
def _(torch, T, x):
    (x * 2).requires_grad = False


@probe("nonleaf requires_grad_(False)")
def _(torch, T, x):
    (x * 2).requires_grad_(False)


@probe("nonleaf .grad")
def _(torch, T, x):
    y = x * 2
    y.sum().backward()
    return y.grad


@probe("retain_grad")
def _(torch, T, x):
    y = x * 2
    y.retain_grad()
    y.sum().backward()
    return y.grad, y.retains_grad


@probe("retain_grad on no-grad")
def _(torch, T, x):
    T([1.0]).retain_grad()


@probe("retain_grad on leaf")
def _(torch, T, x):
    x.retain_grad()
    return x.retains_grad


@probe("grad wrong shape")
def _(torch, T, x):
    x.grad = T([1.0, 2.0])


@probe("grad wrong dtype")
def _(torch, T, x):
    x.grad = torch.ones(3)


@probe("grad not tensor")
def _(torch, T, x):
    x.grad = 3


@probe("backward gradient shape")
def _(torch, T, x):
    (x * 2).backward(T([1.0, 2.0]))


@probe("backward gradient dtype f32")
def _(torch, T, x):
    (x * x).backward(torch.ones(3))
    return x.grad


@probe("backward gradient list")
def _(torch, T, x):
    (x * 2).backward([1.0, 1.0, 1.0])


@probe("grad unused")
def _(torch, T, x):
    torch.autograd.grad(x.sum(), T([1.0], requires_grad=True))


@probe("grad allow_unused")
def _(torch, T, x):
    return torch.autograd.grad(x.sum(), T([1.0], requires_grad=True), allow_unused=True)


@probe("grad materialize_grads")
def _(torch, T, x):
    return torch.autograd.grad(T([1.0], requires_grad=True), x, materialize_grads=True)


@probe("materialize_grads + allow_unused False")
def _(torch, T, x):
    torch.autograd.grad(x.sum(), x, materialize_grads=True, allow_unused=False)


@probe("grad input not requires")
def _(torch, T, x):
    torch.autograd.grad(x.sum(), T([1.0]))


@probe("numpy() on requires grad")
def _(torch, T, x):
    x.numpy()


@probe("np.asarray requires grad")
def _(torch, T, x):
    np.asarray(x)


@probe("float()")
def _(torch, T, x):
    return float(x.sum())


@probe("float() nonscalar")
def _(torch, T, x):
    float(x)


@probe("item nonscalar")
def _(torch, T, x):
    x.item()


@probe("bool nonscalar")
def _(torch, T, x):
    bool(x)


@probe("deepcopy nonleaf")
def _(torch, T, x):
    copy.deepcopy(x * 2)


@probe("torch.tensor(tensor)")
def _(torch, T, x):
    return torch.tensor(x)


@probe("detach shares")
def _(torch, T, x):
    d = x.detach()
    d[0] = 100.0
    return x, d.requires_grad, x._version, d._version


@probe("detach modify harmless (pow saves input)")
def _(torch, T, x):
    y = x**2
    y.detach().zero_()
    y.sum().backward()
    return x.grad


@probe("detach modify saved result")
def _(torch, T, x):
    y = x.sigmoid()
    y.detach().zero_()
    y.sum().backward()


@probe("detach_")
def _(torch, T, x):
    y = x * 2
    y.detach_()
    return y.is_leaf, y.requires_grad, y.grad_fn


@probe("detach_ view")
def _(torch, T, x):
    (x * 2)[:2].detach_()


def inference(torch, T):
    with torch.inference_mode():
        return T([1.0, 1.0, 1.0]) * 1


@probe("inference saved")
def _(torch, T, x):
    x * inference(torch, T)


@probe("inference requires_grad")
def _(torch, T, x):
    inference(torch, T).requires_grad_()


@probe("inference inplace outside")
def _(torch, T, x):
    inference(torch, T).add_(1)


@probe("out=")
def _(torch, T, x):
    torch.add(x, x, out=T([0.0, 0.0, 0.0]))


@probe("is_leaf")
def _(torch, T, x):
    return x.is_leaf, (x * 2).is_leaf, T([1.0]).is_leaf, (x * 2).detach().is_leaf


def written(y, write):
    write(y)
    return y


@probe("names")
def _(torch, T, x):
    m = T([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    made = {
        "add": x + 1, "sub": x - x, "rsub": 1 - x, "mul": x * x, "div": x / x, "rdiv": 1 / x, "pow": x**2,
        "rpow": 2**x, "neg": -x, "exp": x.exp(), "log": x.log(), "sin": x.sin(), "tanh": x.tanh(), "sqrt": x.sqrt(),
        "sum": x.sum(), "sum1": m.sum(1), "mean": x.mean(), "mm": m @ m, "dot": x @ x, "getitem": x[0], "slice": x[:2],
        "mask": x[x > 1], "idx": x[[0, 1]], "view": x.view(3, 1), "reshape": x.reshape(3, 1), "T": m.T,
        "clone": x.clone(), "abs": x.abs(), "max": x.max(), "maximum": torch.maximum(x, x),
        "where": torch.where(x > 1, x, x), "cat": torch.cat([x, x]), "stack": torch.stack([x, x]),
        "relu": torch.relu(x), "sigmoid": x.sigmoid(), "cumsum": x.cumsum(0), "norm": x.norm(),
        "expand": x.expand(2, 3), "to": x.to(torch.float32), "clamp": x.clamp(0, 1), "prod": x.prod(),
        "unbind": x.unbind()[0], "copyslices": written(x * 1, lambda y: y[:1].mul_(2)),
        "fill": written(x * 1, lambda y: y.fill_(2.0)), "copy_": T([0.0, 0.0, 0.0]).copy_(x),
        "addi": (x * 1).add_(1), "zero_": (x * 1).zero_(),
    }  # fmt: skip
    return [(n, type(y.grad_fn).__name__, y.grad_fn.name()) for n, y in made.items()]


@probe("graph walk")
def _(torch, T, x):
    fn = (x * x).sum().grad_fn
    mul = fn.next_functions[0][0]
    left, right = mul.next_functions
    return fn.next_functions, mul.next_functions, left[0] is right[0], left[0].variable, fn.metadata


@probe("printed")
def _(torch, T, x):
    return x, x * 2, x.sum()
