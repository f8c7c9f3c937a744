"""Templates of the steps of random programs.

In braces: `x` a float tensor (`x1`, `x2` of at least that many dimensions, `m` a matrix, `nn` a square one, `v` a
vector, `B` of three dimensions), `a` any tensor, `i` one of integers; `y` (`b`: of any type) a tensor that
broadcasts with it, `into` one that broadcasts to it, `like` one of its shape, `mask`, `d` one of its dimensions, `ds`
several, `k` a small number, `c` a Python number, `D` a dtype. `graph_steps.Writer.argument` has the rest.
"""

DTYPES = ["float64", "float64", "float32", "float64", "int64", "int32", "bool", "uint8"]
SHAPES = [
    (), (), (1,), (3,), (3,), (4,), (2, 3), (2, 3), (3, 2), (3, 3), (1, 3), (2, 1), (2, 3, 2), (2, 1, 3), (1,),
    (3, 1, 2),
    (0,), (2, 0), (4, 3), (2, 3, 3), (2, 2, 1, 3),
]  # fmt: skip

ANY = """
-{x}|abs({x})|torch.sign({x})|{x}.floor()|{x}.ceil()|{x}.trunc()|{x}.round()|{x}.frac()|{x}.sgn()|torch.square({x})
{x}.relu()|torch.sigmoid({x})|{x}.tanh()|torch.sin({x})|{x}.cos()|torch.atan({x})|torch.asinh({x})|torch.erf({x})
torch.neg({a})|torch.abs({i})|{x}.sinc()|torch.deg2rad({x})|torch.relu({x})|{x}.isnan()|{x}.isfinite()
{x}.logical_not()|{a} + {b}|{a} - {b}|{a} * {b}|{x} + {y}|{x} - {y}|{x} * {y}|{x} / ({y} * {y} + 1)|{a} / 3|{a} + {c}
{c} + {a}|{c} - {a}|{a} - {c}|{a} * {c}|{c} * {a}|{a} / {c}|{x} ** 2|{x} ** 3|{x} ** 1|{x} ** 0|{i} ** 2|{x} // {c}
{x} % {c}|{a} // {c}|torch.add({x}, {y}, alpha=2)|torch.sub({x}, {y}, alpha=0.5)|torch.add({x}, 3, alpha=2)
torch.rsub({x}, {y})|torch.maximum({x}, {y})|torch.minimum({a}, {b})|torch.fmax({x}, {y})|torch.atan2({x}, {y})
torch.hypot({x}, {y})|torch.logaddexp({x}, {y})|torch.max({x}, {y})|torch.min({x}, {y})
torch.div({x}, {c}, rounding_mode="floor")|torch.div({a}, {c}, rounding_mode="trunc")|torch.fmod({x}, {c})
torch.remainder({a}, {c})|{a} == {b}|{a} < {b}|{a} >= {c}|{a} != {c}|{c} < {a}|torch.eq({a}, {b})
torch.logical_and({a}, {b})|torch.isclose({x}, {like})|torch.equal({a}, {b})|torch.lerp({x}, {y}, 0.3)
torch.lerp({x}, {y}, {x}.sigmoid())|torch.addcmul({x}, {x}, {y}, value=0.5)|{x}.copysign({y})
torch.addcdiv({x}, {x}, {y} * {y} + 1)|torch.where({x} > 0, {x}, {y})|torch.where({mask}, {x}, {c})
torch.where({mask}, {a}, {b})|{x}.clamp(-1, 1)|{x}.clamp(min=0)|{x}.clamp(max=0.5)|torch.clamp({a}, 0)
torch.clamp({x}, {y}, {y} + 1)|{x}.clamp_min(0.5)|{x}.clamp(min={y})|{x}.clamp_max({y})|{x}.nan_to_num()
{x}.heaviside(torch.tensor(0.5, dtype={x}.dtype))|{x}.xlogy({y}.abs() + 1)|{a}.sum()|{a}.sum({d})
{a}.sum({d}, keepdim=True)|{x}.sum({ds})|{x1}.mean()|{x1}.mean({d})|{x1}.mean({ds}, keepdim=True)|{a}.prod()
{x1}.prod({d})|{x1}.prod({d}, keepdim=True)|{x1}.var()|{x1}.var({d})|{x1}.var({ds}, correction=0)|{x1}.std()
{x1}.std({d}, keepdim=True)|{x1}.std({d}, unbiased=False)|torch.var_mean({x1}, {d})|torch.std_mean({x1})|{x1}.max()
{x1}.min()|{x1}.max({d})|{x1}.min({d}, keepdim=True)|{a1}.max({d})|{x1}.amax({d})|{x1}.amin({ds}, keepdim=True)
{a1}.amax()|torch.aminmax({x1})|torch.aminmax({x1}, dim={d})|{a1}.argmax()|{a1}.argmin({d})
{a1}.argmax({d}, keepdim=True)|{x1}.median()|{x1}.median({d})|{x1}.nanmedian()|{x1}.mode({d})|{x1}.kthvalue(1, {d})
{a}.all()|{a}.any()|{a1}.any({d})|{a1}.all({d}, keepdim=True)|{a}.count_nonzero()|{x1}.logsumexp({d})
{x1}.logsumexp({ds}, keepdim=True)|{x}.nansum()|{x1}.nanmean({d})|{x1}.quantile(0.3)|{x1}.quantile(0.5, {d})
{x1}.norm()|{x1}.norm(2, {d})|{x1}.norm(1)|{x1}.norm(3, {d})|{x1}.norm(float("inf"))|{x1}.norm(float("-inf"), {d})
{x1}.norm(0)|{x1}.norm(0.5 + 1, {ds}, keepdim=True)|torch.norm({x1})|torch.linalg.norm({x1})
torch.linalg.vector_norm({x1}, 3)|torch.linalg.vector_norm({x1}, 2, {d})|torch.dist({x}, {y})
torch.linalg.matrix_norm({m})|torch.linalg.matrix_norm({nn}, 1)|torch.linalg.matrix_norm({nn}, float("inf"))
{x1}.cumsum({d})|{a1}.cumsum({d})|{x1}.cumprod({d})|{x1}.logcumsumexp({d})|{x1}.cummax({d})|{x1}.cummin({d})
{x1}.softmax({d})|{x1}.log_softmax({d})|torch.softmax({x1}, {d})|torch.log_softmax({x1}, dim={d})|{a1}.sort({d})
{x1}.sort(dim={d}, descending=True, stable=True)|torch.sort({x1}, stable=True)|{x1}.msort()|{x1}.topk(1, {d})
{x1}.topk(1, {d}, largest=False)|{x1}.diff()|{x1}.diff(dim={d})|torch.trapezoid({x1})|torch.cov({m})
torch.renorm({m}, 2, 0, 1.0)|{x} @ {mm}|{x1} @ {mm}|torch.matmul({x1}, {mm})|{x} @ {mm}|torch.matmul({x2}, {mm})
{m}.mm({m}.t())|{m} @ {m}.T|{v}.dot({v})|torch.outer({v}, {v})|{m}.mv({m}[0])|torch.bmm({B}, {B}.transpose(1, 2))
torch.addmm({m}[0], {m}.T, {m})|{B} @ {B}.mT|torch.addmm({m}.T @ {m}, {m}.T, {m}, beta=0.5, alpha=2)
torch.addmv({m}[:, 0], {m}, {m}[0])|torch.addr({m}, {m}[:, 0], {m}[0])
torch.baddbmm({B}[:, :, :1], {B}, {B}.mT, beta=2)|torch.addbmm({B}[0, :, :1], {B}, {B}.mT)|torch.inner({v}, {v})
torch.vdot({v}, {v})|torch.chain_matmul({m}, {m}.T, {m})|torch.linalg.multi_dot([{m}, {m}.T, {m}])
torch.matrix_power({nn}, 3)|torch.tensordot({x1}, {x1}, dims=0)|torch.tensordot({m}, {m}, dims=([0], [0]))
torch.kron({m}, {m}[:1])|torch.kron({v}, {v})|torch.cross({x}, {like}, dim={d})|torch.cdist({m}, {m} + 1)
torch.cdist({m}, {m} * 2, p=1.0)|torch.trace({m})|torch.einsum("ij,kj->ik", {m}, {m}) * 1.5
torch.einsum("ij->ji", {m}) * 1.5|torch.einsum("ii->i", {nn}) * 1.5|torch.einsum("ij->", {m}) * 1.5
torch.einsum("i,j->ij", {v}, {v}) * 1.5|torch.einsum("...i,...i->...", {x1}, {x1}) * 1.5
torch.einsum("bij,bkj->bik", {B}, {B}) * 1.5|torch.einsum("ij,ij", {m}, {m}) * 1.5
torch.einsum("ij,j->i", {m}, {m}[0]) * 1.5|torch.einsum("ii", {nn}) * 1.5|torch.einsum("bij->bj", {B}) * 1.5
{a}.reshape({new})|{x}.reshape({new})|{x}.view({new})|{x}.view(-1)|{x}.flatten()|{B}.flatten(1)|{x1}.ravel()
{B}.flatten(0, 1)|{x}.squeeze()|{x}.squeeze({d})|{x1}.squeeze({ds})|{x}.unsqueeze(0)|{a}.unsqueeze(-1)
{x2}.transpose(0, -1)|{x2}.transpose({d}, 0)|{x}.permute({perm})|{m}.T|{m}.t()|{v}.t()|{x2}.mT|{B}.permute(2, 0, 1)
{x}.expand({wide})|{a}.expand({wide})|{x}.expand_as({x})|{x1}.select({d}, 0)|{x1}.narrow({d}, 0, 1)|{x1}.unbind({d})
{x1}.split(1, {d})|{x1}.split(2)|{x1}.chunk(2, {d})|torch.unbind({x1})|torch.tensor_split({x1}, 2)
torch.hsplit({x2}, [1])|torch.vsplit({x2}, [1])|{m}.diagonal()|{x2}.diagonal(1)|{B}.diagonal(0, 1, 2)
{B}.diagonal(-1, -2, -1)|torch.movedim({x2}, 0, -1)|{x2}.swapaxes(0, 1)|{x1}.unflatten(0, (1, -1))
torch.atleast_2d({x})|torch.atleast_1d({x})|{x1}.unfold({d}, 1, 1)|{x}.view_as({x})|{x2}.adjoint()
torch.atleast_3d({x})|{x}.clone()|{x}.contiguous()|{x2}.transpose(0, 1).contiguous()|{a}.to({D})|{a}.double()
{a}.float()|{a}.long()|{x}.to({x})|{a}.bool()|{x}.to(torch.float64, copy=True)|{a}.type_as({b})|{x}.detach()
{x}.detach().requires_grad_()|{x}.data|{x1}[{index}]|{a1}[{index}]|{x2}[{index}]|{x2}[{index}]|{x}[...]|{x}[None]
{x1}[{fancy}]|{a1}[{fancy}]|{x2}[{fancy}]|{x2}[{fancy}]|{x}[{x} > 0]|{x}[{mask}]|{x1}[{rows}]|{x1}[[True] * len({x1})]
{a1}[torch.tensor(0)]|{x1}[torch.tensor([], dtype=torch.long)]|torch.cat([{x1}, {like}])
torch.cat([{a1}, {like}], {d})|torch.cat([{x1}, {x1}, {like}], dim={d})|torch.stack([{a}, {like}])
torch.stack([{x}, {like}], -1)|torch.stack([{x}, {like}], dim=0)|torch.hstack([{x}, {like}])
torch.vstack([{x}, {like}])|torch.dstack([{x}, {like}])|torch.column_stack([{x}, {like}])|torch.block_diag({m}, {m})
torch.cartesian_prod({v}, {v})|{x1}.gather(0, {same0})|{a1}.gather(0, {same0})
torch.take_along_dim({x1}, {same0}[:1], 0)|{x1}.index_select(0, torch.tensor({rows}))|{x1}.masked_fill({mask}, {c})
{x}.masked_fill({mask}, 0.0)|{a}.masked_select({mask})|{x1}.scatter(0, {same0}[:1], {c})
{x1}.scatter(0, {same0}[:1], {like}[:1])
{x1}.scatter_add(0, {same0}, {x1}.sum() * torch.ones({same0}.shape, dtype={x1}.dtype))
{x1}.index_add(0, torch.tensor({rows}), {x1}[{rows}] * 2)|{x1}.index_fill(0, torch.tensor({rows}), 1.5)
{x1}.index_copy(0, torch.tensor([0]), {x1}[-1:])|{x1}.index_put((torch.tensor([0]),), {x1}[-1])
torch.take({x1}, torch.tensor([0, -1]))|{x1}.scatter_reduce(0, {same0}[:1], {like}[:1], "sum")
{x1}.scatter_reduce(0, {same0}[:1], {like}[:1], "amax")|{x1}.put(torch.tensor([0]), {x1}.reshape(-1)[:1])|{x2}.tril()
{x2}.triu(1)|{x2}.tril(-1)|{x1}.diag()|torch.diag_embed({x1})|{x1}.flip(0)|{x1}.flip({ds})|{x1}.roll(1)
{x1}.roll(1, {d})|torch.rot90({x2})|torch.fliplr({x2})|torch.flipud({x1})|{x}.repeat(2, 1, 1, 1)|{v}.repeat(2)
{x}.tile((2,))|{m}.tile((2, 1))|{x1}.repeat_interleave(2)|{x1}.repeat_interleave(2, {d})|{x}.sum_to_size({x}.shape)
torch.broadcast_to({x}, {wide})|torch.meshgrid({v}, {v}, indexing="ij")|torch.meshgrid({v}, {v}, indexing="xy")
torch.broadcast_tensors({x}, {y})|torch.diagflat({v})|{x1}.new_full((2,), 3)|{x1}.new_zeros(2, 3)
torch.zeros_like({a})|torch.ones_like({a})|torch.full_like({x}, 2)|torch.zeros(2, 3)|torch.ones({S})
torch.full({S}, 2.5)|torch.arange(4.)|torch.arange(1, 6, 2)|torch.linspace(0, 1, 5)|torch.eye(3)
torch.eye(2, 3, dtype=torch.float64)|torch.full((2,), True)|torch.full((2, 2), 3)
torch.arange(0, 1, 0.25, dtype=torch.float64, requires_grad=True)|torch.logspace(0, 1, 3)|torch.tensor([1, 2.5])
torch.tensor([True, False])|torch.tensor(3)|torch.as_tensor([1., 2.])|torch.zeros(3, requires_grad=True)
torch.nonzero({a1})|torch.where({a1})|{i}.bincount() if {i}.ndim == 1 and ({i} >= 0).all() else None
torch.unique({a1})|torch.unique({a1}, return_inverse=True, return_counts=True)|torch.unique_consecutive({a1})
torch.searchsorted({x1}.detach().reshape(-1).sort().values, {x1}.detach())
torch.bucketize({x1}.detach(), torch.tensor([-1.0, 0.0, 1.0]))|torch.isin({a}, torch.tensor([1, 2]))
torch.histc({x1}.detach(), 4)|torch.tril_indices(3, 3)|torch.triu_indices(2, 3)|torch.combinations({v})
torch.numel({a})|torch.is_tensor({a})|torch.result_type({a}, {b})|torch.can_cast(torch.float32, {D})
torch.promote_types({D}, {D})|{a}.tolist()|{a}.item() if {a}.numel() == 1 else None|len({a1})|{a}.dim()
{a}.is_contiguous()|{a}.size()|{a1}.size({d})|{a}.numel()|torch.is_floating_point({a})|float({a}.sum())
{a}.shape.numel()|torch.bitwise_and({i}, 3)|{i} & 1|{i} | 2|{i} ^ 1|~{i}|{i} << 1|{i} >> 1|torch.logical_xor({a}, {b})
{mask} & {mask}|~{mask}|torch.sum({x}, dtype=torch.float64)|torch.std({x1}, {d}, unbiased=True, keepdim=True)
torch.logsumexp({x1}, 0)|torch.mean({x1}, {d}, True)|torch.sum({x1}, ({d},))|torch.amax({x1}, dim={d})
torch.prod({x1}, dim={d}, keepdim=True)|torch.ldexp({x}, torch.tensor(2))|torch.square({i})|torch.float_power({x}, 2)
torch.true_divide({a}, 2)|torch.floor_divide({a}, 2)|torch.exp2({x}.clamp(-3, 3))|torch.var({x1}, unbiased=False)
torch.cumulative_trapezoid({x1})|torch.positive({x})|torch.signbit({x})
torch.nextafter({x}.detach(), {x}.detach() + 1)
"""
SMALL = """
torch.exp({i})|torch.sigmoid({i})|torch.tanh({a})|1.5 / ({i} + 9)|torch.reciprocal({i} + 9)|{i}.sin()|{i}.erf()
2 / ({a} + 5)|torch.exp({x})|{x}.exp()|torch.expm1({x})|torch.exp2({x})|{x}.sinh()|{x}.cosh()|{c} ** {x}|2 ** {x}
{x}.erfc()|torch.pow(2.0, {x})|{x} ** 4|{x}.lgamma()|{x}.sigmoid().logit(eps=1e-3)
{x}.pow(torch.tensor(2.0, dtype={x}.dtype))|{x}.tan()
"""
POSITIVE = """
torch.log({x})|{x}.log2()|{x}.log10()|torch.log1p({x})|{x}.sqrt()|torch.rsqrt({x})|torch.reciprocal({x})|1 / {x}
{x} ** 0.5|{x} ** -1|{x} ** {p}|{x} ** {y}|{x} ** (-0.5)|2.5 / {x}|{x}.lgamma()|{x}.digamma()|{y} / {x}|{x}.pow({y})
torch.xlogy({x}, {x})|{x}.pow({p})|{x} % {p}|{x}.fmod(2)
"""
UNIT = "torch.asin({x})|{x}.acos()|{x}.atanh()|torch.erfinv({x})|torch.log1p({x})"
ABOVE = "{x}.acosh()|{x}.log()|({x} - 1).log()"


def _split(text):
    return [t for line in text.strip().split("\n") for t in line.split("|") if t]


def _templates(text):
    """The templates of a table; `a | b` in one is Python's operator, written with spaces."""
    return [t.replace("¦", "|") for t in _split(text.replace(" | ", " ¦ "))]


FREE = {name: _templates(text) for name, text in (
    ("any", ANY), ("small", SMALL), ("positive", POSITIVE), ("unit", UNIT), ("above", ABOVE),
)}  # fmt: skip

IN_PLACE = _templates("""
{inner}.add_(1)|{inner}.mul_(2)|{inner}.sub_(0.5)|{inner}.div_(2)|{inner}.neg_()|{inner}.zero_()|{inner}.fill_(1.5)
{inner}.sin_()|{x}.add_({into})|{x}.mul_({into})|{x}.sub_({into}, alpha=0.5)|{x}.copy_({into})|{x} += {into}
{x} *= 0.5|{x} -= 1|{x} /= 2|{a} += {into}|{x}.clamp_(-2, 2)|{x}.relu_()|{x}.sigmoid_()|{x}.tanh_()
{x}.masked_fill_({mask}, 0.5)|{x1}[{index}] = {c}|{x1}[{index}] *= 2|{x1}[{index}] = {x1}[{index}] * 2
{x1}[0] = {x1}[-1]|{x1}[{fancy}] = 1.5|{x}[{x} > 0] = 0|{x}[{x} > 1] *= 0.5|{x1}[{rows}] = {x1}[0]|{x1}[{fancy}] += 1
{a1}[{index}] = 1|{x1}[{mask}] = {c}|{x}.view(-1).mul_(2)|{x2}.transpose(0, 1).add_(1)|{x2}.select(0, 0).mul_(3)
with torch.no_grad(): {leaf}.add_(0.5)|with torch.no_grad(): {leaf} -= 0.1 * {leaf}
with torch.no_grad(): {leaf}.copy_({leaf} * 2)|with torch.no_grad(): {leaf}.mul_(0.9)|{leaf}.detach().add_(1)
{x}.t_() if {x}.ndim == 2 else None|{a}.unsqueeze_(0)|{a}.squeeze_()|{x}.detach_()
{x1}.index_add_(0, torch.tensor({rows}), {x1}[{rows}].detach())|{x1}.scatter_(0, {same0}[:1], 1.5)
{x}.exp_() if {x}.abs().max() < 3 else None|{x}.pow_(2)|{x}.abs_().add_(1).sqrt_()|{x}.lerp_({into}, 0.25)
{x}.addcmul_({x}.detach(), {into})|{x1}.index_fill_(0, torch.tensor([0]), 2)|{inner}.requires_grad_()|{x}.round_()
{x1}.diagonal().add_(1) if {x1}.ndim == 2 else None|{x1}.narrow(0, 0, 1).zero_()
{x1}.masked_scatter_({mask}, {x1}.detach().clone())|{x2}[0, 0] = {x2}[0, 0] + 1|{x1}.unbind(0)[0].mul_(2)
{x1}.chunk(2)[0].add_(1)|{x}.reciprocal_() if ({x}.abs() > 0.1).all() else None|{x1}.cumsum_(0)|{x2}.tril_()
{x2}[:, 0] = {x2}[:, -1]|{x}.nan_to_num_()|{x1}[..., 0] += {x1}[..., -1]|{x}.add_({into}).mul_(2)
{x1}.index_put_((torch.tensor([0]),), torch.tensor(1.0, dtype={x1}.dtype), accumulate=True)
with torch.no_grad(): {x1}[0] = 0.25|{x1}[{fancy}] *= 2|{x1}.sort(0)[0].mul_(2)|{x}.floor_()
{x}.copy_({x}.detach() * 2)|{x}.random_ and None|{x}.fill_({x}.sum())
""")

MISUSE = _templates("""
{leaf}.add_(1)|{leaf}[...] = 0|{leaf}.view(-1).mul_(2)|{inner}.backward()|{a}.backward()|{a} + torch.ones(7, 5)
{m} @ {m} @ {m} @ {m}|{x} @ torch.ones(7, 9, dtype={x}.dtype)|{a}.view(7, 11)|{a}.reshape(-1, -1)|{a}.sum(9)
{a}.unsqueeze(12)|{a1}[99]|{a1}[0, 0, 0, 0, 0, 0]|{i}.requires_grad_()|torch.tensor([1, 2], requires_grad=True)
torch.cat([{a1}, torch.ones(2, 2, 2, 2, 2)])|torch.stack([{a}, torch.ones(11)])|{inner}.requires_grad_(False)
{inner}.requires_grad = False|{x}.numpy()|torch.autograd.grad({x}.sum().detach(), {x})
torch.autograd.grad({grad}.sum(), torch.ones(2, requires_grad=True))|{grad}.backward(torch.ones(13))|bool({a})
float({a})|int({a})|len({a})|{a}.item()|{a}.gather(0, torch.tensor([77]))|{a}.index_select(0, torch.tensor([77]))
torch.cat([])|torch.stack([])|{a}.permute(0, 0)|{a}.expand(7, 13)|{a}.squeeze(9)|{a}.transpose(0, 5)
{a}.split([1, 99])|{i}.mean()|{a}.add_(torch.ones(2, 3, 7, 1))|{i}.add_(0.5)|{x}.add_(torch.ones(9))
{grad}.sum().backward(retain_graph=False)|{grad}.register_hook(lambda g: g.sum())|{x}.grad.zero_()
torch.ones(2).backward()|{x}.detach().register_hook(print)|{x}.detach().retain_grad()|torch.mm({v}, {v})
torch.dot({m}, {m})|torch.mv({m}, {m})|torch.bmm({m}, {m})|{a}.t()|{a1}[1.5]|{a1}["x"]|{a1}[::-1]
{a1}[torch.tensor([0.5])]|{a} + "x"|{a} + None|{i} ** -1|{mask} - {mask}|{x}.softmax(7)|{x}.cumsum(8)|{x}.max(7)
torch.zeros(0).max()|torch.zeros(0).argmax()|torch.zeros(2, 0).amax(1)|torch.zeros(0, 2).max(0)
torch.tensor([[1], [1, 2]])|torch.zeros(-1)|torch.arange(0, 5, 0)|torch.arange(5, 0)|{x}.clamp()|{x} @ {x}.long()
{x}.masked_fill(torch.ones(9, dtype=torch.bool), 0)|{x1}[torch.ones(9, dtype=torch.bool)]|{a}.topk(99)|{a}.norm(1, 9)
{a1}.index_add(0, torch.tensor([50]), {a1}[:1])|torch.einsum("ij,jk", {v}, {v})|torch.where({x}, {x}, {x})
{a}.narrow(0, 0, 99)|{a}.select(0, 99)|{a}.chunk(0)|{a}.flatten(5)|torch.tensor("x")|{grad}.grad = torch.ones(17)
{x}.detach_().backward()|{x}.copy_(torch.ones(3, 5, 7, 9))|{x1}[0] = torch.ones(5, 7, 9)
{a}.to("cuda") if False else None|{x}.sum().backward(torch.tensor([1.0, 2.0]))|{grad}.retain_grad()
{leaf}.grad = {leaf}.detach().clone()|torch.linspace(0, 1, -1)|torch.eye(-1)|torch.full((-1,), 0)
{x}.scatter(0, torch.tensor([99]), 1.0)|torch.autograd.grad({grad}.sum(), {grad}, torch.ones(3, 3, 3))
""")
