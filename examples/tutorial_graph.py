"""The graph behind the tensors: nodes, vector-Jacobian products, and computing without a graph.

A walk through PyTorch's autograd, run by `srcgrad.shim`; it prints what PyTorch prints.
"""

import srcgrad.shim as torch

torch.manual_seed(0)

# -- a small expression, and the nodes that remember how it was made ---------------------------------------------------
x = torch.tensor(2.0, requires_grad=True)
y = torch.tensor(3.0, requires_grad=True)
a = x + y
b = x * y
c = a * b
print(f"x: {x}, y: {y}")
print(f"a = x + y = {a}")
print(f"b = x * y = {b}")
print(f"c = a * b = {c}")
print(f"x.grad_fn: {x.grad_fn}")
print(f"a.grad_fn: {a.grad_fn}")
print(f"c.grad_fn: {c.grad_fn}")

# c = x^2 y + x y^2, so dc/dx = 2xy + y^2 = 21 and dc/dy = x^2 + 2xy = 16 at (2, 3)
c.backward()
print(f"\nGradient of c with respect to x (dc/dx): {x.grad}")
print(f"Gradient of c with respect to y (dc/dy): {y.grad}")

# -- a vector-Jacobian product, of a graph whose depth the data decide -------------------------------------------------
x = torch.randn(3, requires_grad=True)
print(f"x: {x}")
y = x * 2
while y.norm() < 1000:
    y = y * 2
print(f"y: {y}")
v = torch.tensor([0.1, 1.0, 0.0001], dtype=torch.float32)
y.backward(v)
print(f"Gradient of (y * v) with respect to x: {x.grad}")

# -- computing without a graph -----------------------------------------------------------------------------------------
x = torch.tensor(5.0, requires_grad=True)
y = x * 2
print(f"y.requires_grad: {y.requires_grad}")

with torch.no_grad():  # for a block
    z = x * 3
    print(f"z.requires_grad inside no_grad: {z.requires_grad}")

w = x.detach()  # for one tensor
print(f"w.requires_grad (detached): {w.requires_grad}")

try:
    z.backward()
except RuntimeError as e:
    print(f"\nRuntimeError when calling z.backward(): {e}")

model = torch.nn.Linear(1, 1)
input_data = torch.randn(1, 1)
with torch.no_grad():
    output = model(input_data)
print(f"\nOutput in inference mode (no_grad): {output.requires_grad}")
output_with_grad = model(input_data)
print(f"Output in training mode (with grad): {output_with_grad.requires_grad}")
print(model, output_with_grad)
