"""Probes: hooks on gradients and on nodes."""

from tests.shim.texts import probe, say


@probe("hook")
def _(torch, T, x):
    seen = []
    x.register_hook(lambda g: seen.append(g) or g * 10)
    (x * 2).sum().backward()
    return x.grad, seen


@probe("hook no grad")
def _(torch, T, x):
    T([1.0]).register_hook(print)


@probe("post acc hook")
def _(torch, T, x):
    seen = []
    x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad))
    (x * 2).sum().backward()
    return seen


@probe("post acc hook nonleaf")
def _(torch, T, x):
    (x * 2).register_post_accumulate_grad_hook(print)


@probe("node hooks")
def _(torch, T, x):
    y = x * x
    y.grad_fn.register_hook(lambda ins, outs: say("   node hook", ins, outs))
    y.grad_fn.register_prehook(lambda outs: say("   pre", outs))
    y.sum().backward()


@probe("hook remove")
def _(torch, T, x):
    seen = []
    x.register_hook(seen.append).remove()
    x.sum().backward()
    return seen


@probe("hook bad return")
def _(torch, T, x):
    x.register_hook(lambda g: 1)
    x.sum().backward()


@probe("hook wrong size")
def _(torch, T, x):
    x.register_hook(lambda g: g[:1])
    x.sum().backward()


@probe("retain_grad sees hook-modified grad")
def _(torch, T, x):
    seen = []
    y = x * 2
    y.register_hook(lambda g: seen.append("t1"))
    y.retain_grad()
    y.register_hook(lambda g: seen.append("t2") or g * 3)
    y.sum().backward()
    return seen, y.grad, x.grad
