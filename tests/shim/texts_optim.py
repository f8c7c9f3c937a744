"""Probes: optimisers and the clipping of gradients."""

from tests.shim.texts import probe


@probe("optim nonleaf")
def _(torch, T, x):
    torch.optim.SGD([x * 2], lr=0.1)


@probe("optim empty")
def _(torch, T, x):
    torch.optim.SGD([], lr=0.1)


@probe("optim tensor")
def _(torch, T, x):
    torch.optim.SGD(x, lr=0.1)


@probe("optim bad lr")
def _(torch, T, x):
    torch.optim.SGD([x], lr=-1)


@probe("optim non tensor")
def _(torch, T, x):
    torch.optim.SGD([1], lr=0.1)


@probe("optim sgd")
def _(torch, T, x):
    o = torch.optim.SGD([x], lr=0.1, momentum=0.9)
    (x * x).sum().backward()
    o.step()
    o.zero_grad()
    return x.detach(), x.grad, o.state_dict()


@probe("clip")
def _(torch, T, x):
    (x * x).sum().backward()
    return torch.nn.utils.clip_grad_norm_([x], 1.0), x.grad


@probe("clip nonfinite")
def _(torch, T, x):
    x.grad = T([float("nan"), 1.0, 1.0])
    torch.nn.utils.clip_grad_norm_([x], 1.0, error_if_nonfinite=True)


@probe("adam step without grad")
def _(torch, T, x):
    torch.optim.Adam([x], lr=0.1).step()
    return "step w/o grad ok", x


@probe("closure")
def _(torch, T, x):
    o = torch.optim.SGD([x], lr=0.1)

    def loss():
        o.zero_grad()
        y = (x * x).sum()
        y.backward()
        return y

    return o.step(loss)


@probe("lbfgs")
def _(torch, T, x):
    a = T([0.0], requires_grad=True)
    o = torch.optim.LBFGS([a], line_search_fn="strong_wolfe")

    def loss():
        o.zero_grad()
        y = ((a - 2) ** 2).sum()
        y.backward()
        return y

    o.step(loss)
    return a
