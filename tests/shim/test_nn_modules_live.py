"""Modules of srcgrad.shim.nn beside PyTorch's, where it is installed: texts, states, initial values, training."""

import copy
import pickle
import warnings
from collections import OrderedDict

import numpy as np
import pytest

from srcgrad import shim

torch = pytest.importorskip("torch")

BOTH = (shim, torch)

REPRS = """
nn.Linear(2, 3)
nn.Linear(2, 3, bias=False)
nn.Bilinear(2, 3, 4)
nn.Conv1d(2, 3, 3)
nn.Conv2d(2, 3, 3)
nn.Conv2d(2, 4, (3, 2), stride=2, padding=1, dilation=2, groups=2, bias=False)
nn.Conv2d(2, 4, 3, padding='same', padding_mode='reflect')
nn.Conv1d(2, 4, 3, padding='valid')
nn.Conv3d(2, 3, 3)
nn.ConvTranspose2d(2, 4, 3, output_padding=1, stride=2)
nn.MaxPool2d(2)
nn.MaxPool2d((2, 3), stride=1, padding=1, dilation=1, ceil_mode=True)
nn.AvgPool2d(2), nn.AvgPool2d(2, 1, 1), nn.MaxPool1d(2), nn.AvgPool1d(2)
nn.AdaptiveAvgPool2d(1), nn.AdaptiveAvgPool2d((1, None)), nn.AdaptiveAvgPool1d(2)
nn.Flatten(), nn.Flatten(2, 3), nn.Unflatten(1, (2, 3)), nn.Unflatten(1, torch.Size([2, 3]))
nn.Identity(), nn.Identity(3, a=2)
nn.Dropout(), nn.Dropout(0.2, inplace=True), nn.Dropout2d(0.2), nn.Dropout1d(0.2)
nn.ReLU(), nn.ReLU(inplace=True), nn.ReLU6(), nn.ReLU6(True), nn.Hardtanh(), nn.Hardtanh(0, 1, True)
nn.Hardsigmoid(), nn.Hardswish(), nn.Mish(), nn.SELU(), nn.CELU(), nn.GLU(), nn.PReLU(), nn.Softsign(), nn.Softmin(1)
nn.Threshold(0.1, 2), nn.Tanhshrink(), nn.Softshrink(), nn.Hardshrink(), nn.LogSigmoid()
nn.LeakyReLU(), nn.LeakyReLU(0.2, True), nn.ELU(), nn.ELU(2.0, True), nn.GELU(), nn.GELU('tanh')
nn.SiLU(), nn.SiLU(True), nn.Tanh(), nn.Sigmoid(), nn.Softplus(), nn.Softplus(2, 10)
nn.Softmax(dim=1), nn.Softmax(), nn.LogSoftmax(1)
nn.LayerNorm(3), nn.LayerNorm((3, 4), elementwise_affine=False), nn.LayerNorm([3], bias=False)
nn.GroupNorm(2, 4), nn.RMSNorm(3)
nn.BatchNorm1d(3), nn.BatchNorm2d(3, eps=1e-3, momentum=0.2, affine=False, track_running_stats=False)
nn.Embedding(3, 2), nn.Embedding(3, 2, padding_idx=1, max_norm=2.0), nn.Embedding(3, 2, padding_idx=-1)
nn.Embedding(3, 2, norm_type=1.0, scale_grad_by_freq=True, sparse=True)
nn.MSELoss(), nn.L1Loss(), nn.SmoothL1Loss(), nn.CrossEntropyLoss(), nn.CrossEntropyLoss(weight=torch.ones(2))
nn.NLLLoss(), nn.BCELoss(), nn.BCEWithLogitsLoss(), nn.KLDivLoss(), nn.HuberLoss(), nn.TripletMarginLoss()
nn.ZeroPad2d(1), nn.ConstantPad2d(1, 2.0), nn.ReflectionPad2d((1, 2, 3, 4)), nn.ReplicationPad2d(1), nn.CircularPad2d(1)
nn.Unfold(2), nn.Fold((4, 4), 2), nn.PixelShuffle(2), nn.CosineSimilarity(), nn.PairwiseDistance()
nn.RNN(2, 3), nn.LSTM(2, 3, num_layers=2, batch_first=True, dropout=0.1), nn.GRU(2, 3, bidirectional=True, bias=False)
nn.LSTMCell(2, 3), nn.RNNCell(2, 3, bias=False), nn.GRUCell(2, 3), nn.RNNCell(2, 3, nonlinearity='relu')
nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Linear(1, 2)])
nn.ModuleList(), nn.ModuleDict(), nn.Sequential(), nn.ParameterList(), nn.ParameterDict(), nn.Module()
nn.ModuleList([nn.Sequential(nn.ReLU(), nn.Tanh()), nn.Sequential(nn.ReLU(), nn.Tanh())])
nn.ModuleDict({'a': nn.ReLU(), 'b': nn.Sequential(nn.Tanh())})
nn.Sequential(nn.ReLU(), nn.Sequential(nn.Tanh(), nn.Sequential(nn.Linear(1, 2), nn.ReLU())))
nn.Sequential(OrderedDict([('a', nn.ReLU()), ('b', nn.Tanh())]))
nn.ParameterList([nn.Parameter(torch.ones(2)), torch.ones(3, 4), 3])
nn.ParameterDict({'a': torch.ones(2), 'b': 3})
nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2), requires_grad=False), nn.Parameter(torch.ones(2, 2).double())
nn.Parameter(), nn.Parameter(torch.ones(2).long(), False), [nn.Parameter(torch.ones(2))]
nn.Parameter(torch.ones(2)) * 2, nn.Parameter(torch.ones(2)).data, nn.Parameter(torch.ones(2)).detach()
nn.Parameter(torch.ones(2, requires_grad=True) * 2)
copy.deepcopy(nn.Parameter(torch.ones(2)))
pickle.loads(pickle.dumps(nn.Parameter(torch.ones(2))))
"""

ERRORS = """
nn.Parameter(torch.ones(2).long())
nn.Parameter([1.0, 2.0])
NoInit()
NoInitParameter()
NoForward()(1)
net().foo
net().register_parameter('fc.a', None)
net().register_parameter('fc', None)
net().register_parameter('', None)
net().register_parameter(3, None)
net().register_parameter('q', torch.ones(2))
net().register_buffer('b.c', None)
net().register_buffer('', None)
net().register_buffer('fc', None)
net().register_buffer(3, None)
net().register_buffer('b', 3)
net().add_module('fc.a', None)
net().add_module('', None)
net().add_module(3, None)
net().add_module('x', 3)
net().add_module('forward', nn.ReLU())
setattr(net(), 'fc', 3)
setattr(net().fc, 'weight', torch.ones(3, 2))
delattr(net(), 'zzz')
net().load_state_dict({})
net().load_state_dict({**net().state_dict(), 'foo': torch.ones(1), 'bar': torch.ones(1)})
net().load_state_dict({**net().state_dict(), 'fc.weight': torch.ones(3, 3)})
net().load_state_dict({**net().state_dict(), 'fc.weight': 3})
net().load_state_dict({**without(net(), 'fc.bias'), 'foo': torch.ones(1), 'fc.weight': torch.ones(1)})
net().load_state_dict({**net().state_dict(), 'fc.weight': torch.ones(3, 3)}, strict=False)
net().load_state_dict({**net().state_dict(), 'seq.0.foo': torch.ones(1), 'seq.7.foo': torch.ones(1)})
net().load_state_dict(3)
nn.Sequential(1)
nn.Sequential(nn.ReLU())[1]
nn.Sequential(nn.ReLU())['a']
nn.ModuleList([nn.ReLU()])[3]
nn.ModuleList([nn.ReLU()]).append(3)
nn.ModuleList(nn.ReLU())
nn.ModuleList([nn.ReLU()])(1)
nn.ModuleDict({'a': nn.ReLU()})['b']
nn.ModuleDict({'a.b': nn.ReLU()})
nn.ModuleDict(3)
nn.Sequential(nn.ReLU())(1, 2)
nn.Linear(2, 3)(torch.ones(2, 2).long())
net().train(3)
net().get_submodule('seq.9')
net().get_submodule('zz')
net().get_parameter('seq.0.q')
net().get_buffer('seq.0.q')
net().to(torch.long)
nn.Conv2d(3, 4, 3, groups=2)
nn.Conv2d(4, 3, 3, groups=2)
nn.Conv2d(4, 4, 3, groups=0)
nn.Conv2d(4, 4, 3, padding='same', stride=2)
nn.BatchNorm1d(3)(torch.ones(2, 3, 4, 5))
nn.BatchNorm2d(3)(torch.ones(2, 3))
nn.BatchNorm1d(3)(torch.ones(1, 3))
nn.BatchNorm1d(3)(torch.ones(2, 4))
nn.Embedding(3, 2, padding_idx=5)
nn.Embedding.from_pretrained(torch.ones(2))
nn.Dropout(2)
nn.Softmax(1)(torch.ones(2))
nn.MSELoss(reduction='foo')(torch.ones(2), torch.ones(2))
nn.Threshold()
nn.ReLU(1, 2, 3)
nn.init.xavier_uniform_(torch.ones(2))
nn.init.kaiming_uniform_(torch.ones(2, 2), mode='foo')
nn.init.calculate_gain('foo')
nn.init.calculate_gain('leaky_relu', 'a')
nn.init.eye_(torch.ones(2))
nn.init.orthogonal_(torch.ones(2))
"""


def names(lib):
    """The variables that the texts above read, for one of the two libraries."""
    nn = lib.nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(2, 3)
            self.act = nn.ReLU()
            self.seq = nn.Sequential(nn.Linear(3, 1), nn.ReLU())

        def forward(self, x):
            return self.seq(self.act(self.fc(x)))

    class NoInit(nn.Module):
        def __init__(self):
            self.fc = nn.ReLU()

    class NoInitParameter(nn.Module):
        def __init__(self):
            self.w = nn.Parameter(lib.ones(2))

    class NoForward(nn.Module):
        pass

    def without(module, key):
        return {k: v for k, v in module.state_dict().items() if k != key}

    more = {"OrderedDict": OrderedDict, "copy": copy, "pickle": pickle, "without": without}
    own = {"net": Net, "NoInit": NoInit, "NoInitParameter": NoInitParameter, "NoForward": NoForward}
    return {"nn": nn, "torch": lib, **own, **more}


def lines(text):
    return text.strip().splitlines()


@pytest.mark.parametrize("text", lines(REPRS))
def test_repr(text):
    ours, theirs = (repr(eval(text, names(lib))) for lib in BOTH)
    assert ours == theirs


@pytest.mark.parametrize("text", lines(ERRORS))
def test_error(text):
    found = []
    for lib in BOTH:
        scope = names(lib)
        with pytest.raises(Exception) as error:
            eval(text, scope)
        found.append((error.type.__name__, str(error.value)))
    assert found[0] == found[1]


SEEDED = """
nn.Linear(5, 3)
nn.Linear(40, 30)
nn.Linear(2, 2, dtype=torch.float64)
nn.Bilinear(2, 3, 4)
nn.Conv1d(2, 3, 3)
nn.Conv2d(2, 4, (3, 2), groups=2)
nn.Conv3d(2, 3, 2)
nn.ConvTranspose2d(2, 4, 3, groups=2)
nn.Embedding(10, 4)
nn.Embedding(3, 2, padding_idx=1)
nn.LSTM(3, 4, num_layers=2, bidirectional=True)
nn.RNN(3, 4, bias=False)
nn.GRUCell(3, 4)
nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.BatchNorm1d(8), nn.Linear(8, 2), nn.LayerNorm(2), nn.PReLU())
"""


@pytest.mark.parametrize("text", lines(SEEDED))
@pytest.mark.parametrize("seed", [0, 1, 12345])
def test_initial_values_are_the_same_numbers(text, seed):
    states = []
    for lib in BOTH:
        lib.manual_seed(seed)
        states.append(eval(text, names(lib)).state_dict())
    assert list(states[0]) == list(states[1])
    for key, value in states[0].items():
        np.testing.assert_array_equal(value.numpy(), states[1][key].numpy())
        assert repr(value.dtype) == repr(states[1][key].dtype)


INITS = """
uniform_(t, -2, 3)
normal_(t, 1.0, 2.0)
constant_(t, 3.0)
ones_(t)
zeros_(t)
eye_(t)
xavier_uniform_(t, gain=2.0)
xavier_normal_(t)
kaiming_uniform_(t, nonlinearity='relu')
kaiming_uniform_(t, a=0.3, mode='fan_out')
kaiming_normal_(t, mode='fan_out', nonlinearity='relu')
"""


@pytest.mark.parametrize("text", lines(INITS))
@pytest.mark.parametrize("shape", [(3, 2), (20, 30)])
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_init(text, shape, kind):
    found = []
    for lib in BOTH:
        lib.manual_seed(3)
        t = lib.zeros(shape, dtype=getattr(lib, kind), requires_grad=True)
        assert eval(f"init.{text}", {"init": lib.nn.init, "t": t}) is t
        found.append(t.detach().numpy())
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("shape", [(4, 4), (3, 6), (6, 2, 2)])
def test_orthogonal(shape):
    found = []
    for lib in BOTH:
        lib.manual_seed(3)
        found.append(lib.nn.init.orthogonal_(lib.zeros(shape), gain=2.0).numpy())
    np.testing.assert_allclose(*found, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid", "linear", "conv2d", "leaky_relu", "selu"])
def test_gain(name):
    assert shim.nn.init.calculate_gain(name) == torch.nn.init.calculate_gain(name)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize(
    "options", [{}, {"num_layers": 2, "batch_first": True}, {"bidirectional": True, "num_layers": 2}]
)
@pytest.mark.parametrize("shape", [(4, 3, 2), (4, 2)])
def test_recurrent(kind, options, shape):
    found = []
    for lib in BOTH:
        lib.manual_seed(0)
        layer = getattr(lib.nn, kind)(2, 5, **options).double()
        x = lib.tensor(np.random.default_rng(0).standard_normal(shape), requires_grad=True)
        out, state = layer(x)
        again, _ = layer(out[..., :2], state)
        (out.pow(2).sum() + again.pow(3).sum()).backward()
        states = state if isinstance(state, tuple) else (state,)
        tensors = [out, *states, again, x.grad, *(p.grad for p in layer.parameters())]
        found.append([t.detach().numpy() for t in tensors])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("kind", ["RNNCell", "LSTMCell", "GRUCell"])
@pytest.mark.parametrize("shape", [(3, 2), (2,)])
def test_cells(kind, shape):
    found = []
    for lib in BOTH:
        lib.manual_seed(0)
        cell = getattr(lib.nn, kind)(2, 5).double()
        x = lib.tensor(np.random.default_rng(0).standard_normal(shape), requires_grad=True)
        state = cell(x, cell(x))
        (state if isinstance(state, lib.Tensor) else state[0] + state[1]).sum().backward()
        found.append([x.grad.numpy(), *(p.grad.numpy() for p in cell.parameters())])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


def network(lib):
    """An image classifier with all kinds of layers."""
    nn = lib.nn
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout2d(0.2),
        nn.Conv2d(4, 6, 3, padding="same", groups=2), nn.GELU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(24, 16),
        nn.LayerNorm(16), nn.SiLU(), nn.Dropout(0.3), nn.Linear(16, 5), nn.LogSoftmax(dim=1),
    )  # fmt: skip


def trained(lib, steps=5):
    """States and losses of some steps of gradient descent, with clipped gradients."""
    lib.manual_seed(11)
    net = network(lib)
    rng = np.random.default_rng(0)
    loss_of = lib.nn.NLLLoss()
    losses = []
    for _ in range(steps):
        x = lib.tensor(rng.standard_normal((6, 1, 8, 8)).astype(np.float32))
        y = lib.tensor(rng.integers(0, 5, 6))
        net.zero_grad()
        loss = loss_of(net(x), y)
        loss.backward()
        losses.append(loss.item())
        losses.append(lib.nn.utils.clip_grad_norm_(net.parameters(), 1.0).item())
        with lib.no_grad():
            for p in net.parameters():
                p -= 0.1 * p.grad
    net.eval()
    losses.append(loss_of(net(x), y).item())
    return losses, net.state_dict()


def test_training():
    (ours, our_state), (theirs, their_state) = (trained(lib) for lib in BOTH)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)
    assert list(our_state) == list(their_state)
    for key, value in our_state.items():
        np.testing.assert_allclose(value.numpy(), their_state[key].numpy(), rtol=1e-3, atol=1e-5)


def events(lib):
    """What hooks of all kinds are called with, as text."""
    lib.manual_seed(0)
    net = names(lib)["net"]().double()
    log = []

    def shown(v):
        if isinstance(v, tuple):
            return [shown(w) for w in v]
        return None if v is None else np.round(v.detach().numpy(), 9).tolist()

    net.fc.register_forward_pre_hook(lambda m, args: (args[0] * 2,))
    net.fc.register_forward_hook(lambda m, args, out: log.append(("fc", shown(args), shown(out))))
    net.seq.register_forward_hook(lambda m, args, out: out + 1, prepend=True)
    net.fc.register_full_backward_hook(lambda m, gi, go: log.append(("full", shown(gi), shown(go))))
    net.seq.register_full_backward_hook(lambda m, gi, go: (gi[0] * 3,))
    net.seq.register_full_backward_pre_hook(lambda m, go: (go[0] * 5,))
    handle = net.register_forward_hook(lambda m, args, out: log.append(("net", type(m).__name__)))
    x = lib.ones(2, 2, dtype=lib.float64, requires_grad=True)
    net(x).sum().backward()
    handle.remove()
    net(x)
    net.fc.register_forward_hook(lambda m, a, k, out: log.append(sorted(k)), with_kwargs=True)
    net.fc.weight.register_hook(lambda g: log.append(("weight", shown(g))))
    with pytest.warns(UserWarning, match="no inputs require gradients") as caught:
        net(lib.ones(2, 2, dtype=lib.float64)).sum().backward()
    log += [str(w.message) for w in caught]
    return [*log, shown(x.grad), *(shown(p.grad) for p in net.parameters())]


def test_hooks():
    ours, theirs = (events(lib) for lib in BOTH)
    assert ours == theirs


STATE = """
[(k, tuple(v.shape)) for k, v in net().state_dict().items()]
net().state_dict()._metadata
nn.BatchNorm1d(2).state_dict()
net().load_state_dict(without(net(), 'fc.bias'), strict=False)
net().load_state_dict({**net().state_dict(), 'foo': torch.ones(1)}, strict=False)
net().load_state_dict(net().state_dict())
nn.BatchNorm1d(2).load_state_dict(without(nn.BatchNorm1d(2), 'num_batches_tracked'))
[n for n, _ in net().named_parameters()], [n for n, _ in net().named_modules()], [n for n, _ in net().named_children()]
[n for n, _ in net().named_parameters(prefix='p', recurse=False)], [n for n, _ in nn.BatchNorm1d(2).named_buffers()]
nn.utils.clip_grad_norm_([], 1.0), nn.utils.get_total_norm([])
nn.utils.get_total_norm([torch.ones(2), 2 * torch.ones(3)], 1.0), nn.utils.get_total_norm([torch.ones(2)], float('inf'))
nn.Sequential(nn.ReLU(), nn.Tanh(), nn.ELU())[1:], nn.Sequential(nn.ReLU(), nn.Tanh())[-1]
nn.ModuleList([nn.ReLU(), nn.Tanh(), nn.ELU()])[::2], len(nn.ModuleList([nn.ReLU()]))
nn.Sequential(nn.ReLU()).append(nn.Tanh()).insert(0, nn.ELU()).extend([nn.SiLU()])
nn.ModuleList([nn.ReLU()]) + nn.ModuleList([nn.Tanh()])
nn.ParameterList([torch.ones(1), torch.ones(2)])[1], list(nn.ParameterList([torch.ones(1)]).named_parameters())
net().double().fc.weight.dtype, net().half().seq[0].bias.dtype, net().to(torch.float64).fc.bias.dtype
[m.training for m in net().eval().modules()], [p.requires_grad for p in net().requires_grad_(False).parameters()]
"""


@pytest.mark.parametrize("text", lines(STATE))
def test_state(text):
    ours, theirs = (repr(eval(text, names(lib))) for lib in BOTH)
    assert ours == theirs


@pytest.mark.parametrize(
    "text",
    ["nn.MSELoss(size_average=False)", "nn.Softmax()(torch.ones(2, 2))", "nn.Linear(0, 3)",
     "nn.functional.mse_loss(torch.ones(3, 1), torch.ones(3))", "nn.functional.kl_div(torch.ones(3), torch.ones(3))"],
)  # fmt: skip
def test_warnings(text):
    found = []
    for lib in BOTH:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            eval(text, names(lib))
        found.append([(w.category.__name__, str(w.message)) for w in caught])
    assert found[0] == found[1]
    assert found[0]
