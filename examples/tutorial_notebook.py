"""The notebook that goes with the first autograd lesson: every cell, and what it shows.

Run by `srcgrad.shim`; it prints what PyTorch prints.
"""

import srcgrad.shim as torch

torch.manual_seed(0)

# [2] [3] a tracked vector, a sum, and its node
x = torch.randn(3, requires_grad=True)
y = x + 2
print(x)
print(y)
print(y.grad_fn)

# [4] more operations
z = y * y * 3
print(z)
z = z.mean()
print(z)

# [5] gradients; the graph is kept, for another time
z.backward(retain_graph=True)
print(x.grad)

# [6] a result that is no scalar: a vector goes in, its product with the Jacobian comes out
x = torch.randn(3, requires_grad=True)
y = x * 2
for _ in range(10):
    y = y * 2
print(y)
print(y.shape)
v = torch.tensor([0.1, 1.0, 0.0001], dtype=torch.float32)
y.backward(v)
print(x.grad)

# [8] the flag of a leaf can be changed in place
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

# [9] the same content without a history
a = torch.randn(2, 2, requires_grad=True)
print(a.requires_grad)
b = a.detach()
print(b.requires_grad)

# [10] a block without tracking
a = torch.randn(2, 2, requires_grad=True)
print(a.requires_grad)
with torch.no_grad():
    print((x**2).requires_grad)

# [11] gradients add up ...
weights = torch.ones(4, requires_grad=True)
print(weights)
for _ in range(3):
    model_output = (weights * 31).sum()
    model_output.backward()
    print(weights.grad)

# [12] ... unless they are emptied
weights = torch.ones(4, requires_grad=True)
for _ in range(3):
    model_output = (weights * 3).sum()
    model_output.backward()
    print(weights.grad)
    weights.grad.zero_()
print(weights)

# [16] gradient descent by hand
weights = torch.ones(4, requires_grad=True)
model_output = 0
for _ in range(3):
    model_output = (weights * 3).sum()
    print(model_output)
    model_output.backward()
    print(weights.grad)
    with torch.no_grad():
        weights -= 0.1 * weights.grad
    weights.grad.zero_()
print(f"Final Weight {weights}")

# [14] and by an optimiser
optimizer = torch.optim.SGD([weights], lr=0.1)
optimizer.step()
optimizer.zero_grad()
print(weights.grad)
