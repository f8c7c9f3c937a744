"""Gradients of tensors, step by step: what is tracked, how to stop it, why gradients are emptied.

PyTorch's first autograd lesson, run by `srcgrad.shim`; it prints what PyTorch prints.
"""

import srcgrad.shim as torch

torch.manual_seed(3)

# -- tracking: a leaf that asks for gradients, and what is computed from it -----------------------------------------
x = torch.randn(3, requires_grad=True)
y = x + 2
print(x)  # made by the user: no grad_fn
print(y)  # made by an addition: it remembers
print(y.grad_fn)

z = y * y * 3
print(z)
z = z.mean()
print(z)

# -- backward: d z / d x arrives in x.grad -----------------------------------------------------------------------------
z.backward()
print(x.grad)

# -- a result with more than one element needs a vector, for the product of it with the Jacobian -----------------------
x = torch.randn(3, requires_grad=True)
y = x * 2
for _ in range(10):
    y = y * 2
print(y)
print(y.shape)
v = torch.tensor([0.1, 1.0, 0.0001], dtype=torch.float32)
y.backward(v)
print(x.grad)

# -- three ways to stop tracking: switch the flag off ------------------------------------------------------------------
a = torch.randn(2, 2)
print(a.requires_grad)
b = (a * 3) / (a - 1)
print(b.grad_fn)
a.requires_grad_(True)
print(a.requires_grad)
b = (a * a).sum()
print(b.grad_fn)
a.requires_grad_(False)
print(a.requires_grad)

# ... detach a tensor ...
a = torch.randn(2, 2, requires_grad=True)
b = a.detach()
print(a.requires_grad)
print(b.requires_grad)

# ... or do not record for a while
a = torch.randn(2, 2, requires_grad=True)
print(a.requires_grad)
with torch.no_grad():
    print((x**2).requires_grad)

# -- gradients add up: empty them before the next step -----------------------------------------------------------------
weights = torch.ones(4, requires_grad=True)
for _ in range(3):
    model_output = (weights * 3).sum()
    print(model_output)
    model_output.backward()
    print(weights.grad)
    with torch.no_grad():
        weights -= 0.1 * weights.grad
    weights.grad.zero_()
print(weights)
print(model_output)

# -- an optimiser does both --------------------------------------------------------------------------------------------
optimizer = torch.optim.SGD([weights], lr=0.1)
(weights * 3).sum().backward()
optimizer.step()
print(weights)
optimizer.zero_grad()
print(weights.grad)
