"""Probes: corner cases of checkpoints, edges, hooks and saved tensors."""

from tests.shim.texts import probe, say


@probe("hooks inplace")
def _(torch, T, x):
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.clone(), lambda t: t):
        y = x.exp()
        z = y * 1
        z.exp_()
        z.mul_(y)
    y.sum().backward(retain_graph=True)
    z.sum().backward()
    return x.grad


@probe("edges")
def _(torch, T, x):
    y = x * 2
    e = torch.autograd.graph.get_gradient_edge(y)
    z = (y * y).sum()
    return (
        torch.autograd.grad(torch.autograd.graph.get_gradient_edge(z), x, grad_outputs=T(1.0), retain_graph=True),
        torch.autograd.grad(z, [e, torch.autograd.graph.get_gradient_edge(x)]),
    )


@probe("edges2")
def _(torch, T, x):
    y = x * 2
    z = (y * y).sum()
    z.backward(inputs=torch.autograd.graph.get_gradient_edge(x))
    return x.grad


@probe("mgh")
def _(torch, T, x):
    s = []
    h = torch.autograd.graph.register_multi_grad_hook((x,), s.append)
    (x * 2).sum().backward()
    h.remove()
    (x * 2).sum().backward()
    return s


@probe("mgh mode")
def _(torch, T, x):
    return torch.autograd.graph.register_multi_grad_hook((x,), say, mode="none")


@probe("inputs nonleaf")
def _(torch, T, x):
    y = x * 2
    y.sum().backward(inputs=[y])
    return x.grad


@probe("ck kwargs")
def _(torch, T, x):
    return torch.utils.checkpoint.checkpoint(lambda a, k: a * k, x, k=2, use_reentrant=True)


@probe("ck ctxfn")
def _(torch, T, x):
    return torch.utils.checkpoint.checkpoint(lambda a: a, x, use_reentrant=True, debug=True)


@probe("ck det")
def _(torch, T, x):
    return torch.utils.checkpoint.checkpoint(lambda a: a, x, use_reentrant=False, determinism_check="no")


@probe("ck ng")
def _(torch, T, x):
    with torch.no_grad():
        return torch.utils.checkpoint.checkpoint(lambda a: a * 2, x, use_reentrant=False)


@probe("ck tup")
def _(torch, T, x):
    y = torch.utils.checkpoint.checkpoint(lambda a, b: (a * 2, b), x, 3, use_reentrant=True)
    y[0].sum().backward()
    return (y, x.grad)


@probe("ck none")
def _(torch, T, x):
    y = torch.utils.checkpoint.checkpoint(lambda a: a.detach() * 2, x, use_reentrant=True)
    y.sum().backward()


@probe("ck in")
def _(torch, T, x):
    y = torch.utils.checkpoint.checkpoint(lambda a: a.sin(), x, use_reentrant=False)
    y.sum().backward(inputs=[x])
    return x.grad


@probe("ck twice")
def _(torch, T, x):
    y = torch.utils.checkpoint.checkpoint(lambda a: a.sin(), x, use_reentrant=False)
    y.sum().backward()
    y.sum().backward()


@probe("ck seq")
def _(torch, T, x):
    return torch.utils.checkpoint.checkpoint_sequential([torch.sin], 1, x)


@probe("saved freed")
def _(torch, T, x):
    y = x.exp()
    a = y.grad_fn._saved_result
    y.sum().backward()
    return (a, y.grad_fn._saved_result)


@probe("saved attr")
def _(torch, T, x):
    return ((x * x).grad_fn._saved_other, (x**2).grad_fn._saved_exponent, x.sin().grad_fn._saved_self)


@probe("noattr")
def _(torch, T, x):
    return (x * x).grad_fn.nonsense
