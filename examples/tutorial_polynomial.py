"""The slope of a polynomial at a point: the shortest complete use of gradients.

Run by `srcgrad.shim`; it prints what PyTorch prints.
"""

import srcgrad.shim as torch

# -- a number that asks for its gradient -------------------------------------------------------------------------------
tensor = torch.tensor(2.0, requires_grad=True)
print(tensor)

# -- y = 5 x^3 + 2 x^2 + 4 x + 8 ---------------------------------------------------------------------------------------
x = torch.tensor(2.0, requires_grad=True)
y = 5 * x**3 + 2 * x**2 + 4 * x + 8
print(f"Function output: {y}")
print(y)

# -- its slope: 15 x^2 + 4 x + 4 = 72 ----------------------------------------------------------------------------------
y.backward()
grad = x.grad
print(f"Gradient of x: {grad}")
