"""Modules of srcgrad.shim.nn: what they register, print, save and load, and the numbers they start from.

The numbers and texts are PyTorch 2.13's; test_nn_modules_live.py compares many more where it is installed.
"""

import copy
import pickle
from collections import OrderedDict

import numpy as np
import pytest

import srcgrad.shim as torch
from srcgrad.shim import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 3)
        self.seq = nn.Sequential(nn.ReLU(), nn.Linear(3, 1))

    def forward(self, x):
        return self.seq(self.fc(x))


def pickled(value):
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - our own


class TestParameter:
    def test_text(self):
        assert repr(nn.Parameter(torch.ones(2))) == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"

    def test_is_a_leaf_that_shares_memory(self):
        x = torch.ones(2)
        p = nn.Parameter(x)
        assert isinstance(p, torch.Tensor)
        assert p.is_leaf
        assert p.requires_grad
        x.mul_(3)
        assert p.tolist() == [3, 3]
        assert type(p * 2) is torch.Tensor

    @pytest.mark.parametrize("copied", [copy.deepcopy, pickled])
    def test_copies(self, copied):
        p = nn.Parameter(torch.ones(2), requires_grad=False)
        q = copied(p)
        assert type(q) is nn.Parameter
        assert not q.requires_grad
        q.data.mul_(2)
        assert p.tolist() == [1, 1]

    def test_integers_are_refused(self):
        with pytest.raises(RuntimeError, match="Only Tensors of floating point and complex dtype"):
            nn.Parameter(torch.ones(2).long())


class TestRegistration:
    def test_names(self):
        net = Net()
        assert [n for n, _ in net.named_parameters()] == ["fc.weight", "fc.bias", "seq.1.weight", "seq.1.bias"]
        assert [n for n, _ in net.named_modules()] == ["", "fc", "seq", "seq.0", "seq.1"]
        assert [n for n, _ in net.named_children()] == ["fc", "seq"]

    def test_shared_ones_count_once(self):
        layer = nn.Linear(2, 2)
        assert len(list(nn.Sequential(layer, layer).parameters())) == 2

    def test_buffers(self):
        net = Net()
        net.register_buffer("a", torch.ones(1))
        net.register_buffer("b", torch.ones(1), persistent=False)
        net.c = nn.Buffer(torch.ones(1))
        net.a = torch.zeros(1)
        assert [n for n, _ in net.named_buffers()] == ["a", "b", "c"]
        assert [k for k in net.state_dict() if "." not in k] == ["a", "c"]
        del net.b
        assert [n for n, _ in net.named_buffers()] == ["a", "c"]

    def test_a_name_changes_its_kind(self):
        net = Net()
        net.x = 3
        net.x = nn.Parameter(torch.ones(1))
        assert "x" in net._parameters
        net.x = None
        assert net.x is None
        net.y = nn.ReLU()
        net.y = nn.Parameter(torch.ones(1))
        assert "y" not in net._modules

    @pytest.mark.parametrize(
        ("act", "error", "message"),
        [
            (lambda n: n.foo, AttributeError, "'Net' object has no attribute 'foo'"),
            (lambda n: setattr(n, "fc", 3), TypeError, "cannot assign 'int' as child module 'fc'"),
            (lambda n: setattr(n.fc, "weight", torch.ones(1)), TypeError, "cannot assign 'torch.FloatTensor'"),
            (lambda n: n.register_parameter("a.b", None), KeyError, "parameter name can.*t contain"),
            (lambda n: n.register_buffer("fc", None), KeyError, "attribute 'fc' already exists"),
            (lambda n: n.add_module("x", 3), TypeError, "int is not a Module subclass"),
            (lambda n: nn.Module()(1), NotImplementedError, r"Module \[Module\] is missing the required"),
            (lambda n: n.train(1), ValueError, "training mode is expected to be boolean"),
            (lambda n: n.to(torch.long), TypeError, "nn.Module.to only accepts floating point or complex dtypes"),
            (lambda n: n.get_submodule("seq.7"), AttributeError, "Sequential has no attribute `7`"),
        ],
    )
    def test_errors(self, act, error, message):
        with pytest.raises(error, match=message):
            act(Net())

    def test_before_init(self):
        class Late(nn.Module):
            def __init__(self, value):
                self.x = value

        with pytest.raises(AttributeError, match=r"cannot assign module before Module.__init__\(\) call"):
            Late(nn.ReLU())
        with pytest.raises(AttributeError, match=r"cannot assign parameters before Module.__init__\(\) call"):
            Late(nn.Parameter(torch.ones(1)))


class TestTexts:
    def test_nested(self):
        assert repr(nn.Sequential(Net(), nn.Dropout(0.2))) == (
            "Sequential(\n"
            "  (0): Net(\n"
            "    (fc): Linear(in_features=2, out_features=3, bias=True)\n"
            "    (seq): Sequential(\n"
            "      (0): ReLU()\n"
            "      (1): Linear(in_features=3, out_features=1, bias=True)\n"
            "    )\n"
            "  )\n"
            "  (1): Dropout(p=0.2, inplace=False)\n"
            ")"
        )

    @pytest.mark.parametrize(
        ("module", "text"),
        [
            (nn.Conv2d(1, 2, 3), "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))"),
            (nn.MaxPool2d(2), "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)"),
            (nn.ReLU(inplace=True), "ReLU(inplace=True)"),
            (nn.GELU(), "GELU(approximate='none')"),
            (nn.Embedding(3, 2, padding_idx=-1), "Embedding(3, 2, padding_idx=2)"),
            (nn.LayerNorm(3), "LayerNorm((3,), eps=1e-05, elementwise_affine=True, bias=True)"),
            (nn.CrossEntropyLoss(), "CrossEntropyLoss()"),
            (nn.ModuleList([nn.Tanh(), nn.Tanh()]), "ModuleList(\n  (0-1): 2 x Tanh()\n)"),
            (
                nn.ParameterList([torch.ones(2, 3)]),
                "ParameterList(\n    (0): Parameter containing: [torch.float32 of size 2x3]\n)",
            ),
        ],
    )
    def test_layers(self, module, text):
        assert repr(module) == text


class TestState:
    def test_goes_to_another(self):
        source, target = Net(), Net()
        assert repr(target.load_state_dict(source.state_dict())) == "<All keys matched successfully>"
        for p, q in zip(source.parameters(), target.parameters(), strict=True):
            np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy())
            assert p is not q

    def test_is_detached_and_shares_memory(self):
        net = Net()
        state = net.state_dict()
        assert not state["fc.bias"].requires_grad
        state["fc.bias"].zero_()
        assert net.fc.bias.tolist() == [0, 0, 0]
        assert isinstance(state, OrderedDict)

    def test_mismatches(self):
        state = Net().state_dict()
        del state["fc.bias"]
        state["foo"] = torch.ones(1)
        state["fc.weight"] = torch.ones(1)
        with pytest.raises(RuntimeError) as error:
            Net().load_state_dict(state)
        assert str(error.value) == (
            'Error(s) in loading state_dict for Net:\n\tMissing key(s) in state_dict: "fc.bias". \n\t'
            'Unexpected key(s) in state_dict: "foo". \n\tsize mismatch for fc.weight: copying a param with shape '
            "torch.Size([1]) from checkpoint, the shape in current model is torch.Size([3, 2])."
        )
        del state["fc.weight"]
        found = Net().load_state_dict(state, strict=False)
        assert found.missing_keys == ["fc.weight", "fc.bias"]
        assert found.unexpected_keys == ["foo"]

    def test_assign(self):
        net = Net()
        state = {k: v.double() for k, v in net.state_dict().items()}
        net.load_state_dict(state, assign=True)
        assert net.fc.weight.dtype is torch.float64
        assert isinstance(net.fc.weight, nn.Parameter)

    @pytest.mark.parametrize("copied", [copy.deepcopy, pickled])
    def test_copies(self, copied):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU())
        twin = copied(net)
        x = torch.randn(2, 1, 5, 5)
        np.testing.assert_array_equal(net(x).detach().numpy(), twin(x).detach().numpy())
        assert repr(twin) == repr(net)


class TestAllParameters:
    def test_types(self):
        net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).double()
        assert net[0].weight.dtype is torch.float64
        assert net[1].running_mean.dtype is torch.float64
        assert net[1].num_batches_tracked.dtype is torch.int64
        weight = net[0].weight
        net.float()
        assert net[0].weight is weight
        assert weight.dtype is torch.float32

    def test_gradients_are_forgotten(self):
        net = Net()
        net(torch.ones(1, 2)).sum().backward()
        net.zero_grad(set_to_none=False)
        assert net.fc.bias.grad.tolist() == [0, 0, 0]
        net.zero_grad()
        assert net.fc.bias.grad is None

    def test_modes(self):
        net = Net().eval()
        assert not net.seq[0].training
        assert net.train().seq[0].training
        assert not any(p.requires_grad for p in net.requires_grad_(False).parameters())

    def test_apply(self):
        seen = []
        Net().apply(lambda m: seen.append(type(m).__name__))
        assert seen == ["Linear", "ReLU", "Linear", "Sequential", "Net"]


class TestHooks:
    def test_forward(self):
        layer = nn.Identity()
        layer.register_forward_pre_hook(lambda m, args: args[0] + 1)
        handle = layer.register_forward_hook(lambda m, args, out: out * 10)
        assert layer(torch.tensor(1.0)).item() == 20
        handle.remove()
        handle.remove()
        assert layer(torch.tensor(1.0)).item() == 2

    def test_backward(self):
        layer, seen = nn.Linear(2, 1), []
        layer.register_full_backward_hook(lambda m, gi, go: seen.append((gi[0].shape, go[0].shape)))
        layer.register_full_backward_pre_hook(lambda m, go: (go[0] * 2,))
        x = torch.ones(3, 2, requires_grad=True)
        layer(x).sum().backward()
        assert seen == [((3, 2), (3, 1))]
        np.testing.assert_allclose(x.grad[0].numpy(), 2 * layer.weight[0].detach().numpy())


class TestContainers:
    def test_sequential(self):
        net = nn.Sequential(OrderedDict(a=nn.ReLU(), b=nn.Tanh(), c=nn.ELU()))
        assert net.a is net[0]
        assert net[-1] is net.c
        assert list(net[1:]._modules) == ["b", "c"]
        net.append(nn.SiLU())
        assert len(net) == 4
        with pytest.raises(IndexError, match="index 4 is out of range"):
            net[4]

    def test_module_list(self):
        layers = nn.ModuleList([nn.ReLU(), nn.Tanh(), nn.ELU()])
        del layers[0]
        layers.insert(1, nn.SiLU())
        assert [type(m).__name__ for m in layers] == ["Tanh", "SiLU", "ELU"]
        assert list(layers._modules) == ["0", "1", "2"]
        assert isinstance(layers.pop(), nn.ELU)

    def test_module_dict(self):
        layers = nn.ModuleDict({"a": nn.ReLU()})
        layers["b"] = nn.Linear(1, 1)
        assert list(layers) == ["a", "b"]
        assert "a" in layers
        assert [n for n, _ in layers.named_parameters()] == ["b.weight", "b.bias"]

    def test_parameter_list(self):
        values = nn.ParameterList([torch.ones(1)])
        values.append(torch.zeros(2))
        assert [n for n, _ in values.named_parameters()] == ["0", "1"]
        assert isinstance(values[1], nn.Parameter)


class TestInitialValues:
    def test_linear(self):
        torch.manual_seed(0)
        layer = nn.Linear(3, 2)
        assert layer.weight.tolist() == [
            [-0.004322517663240433, 0.3097158372402191, -0.4751853346824646],
            [-0.4248946011066437, -0.2223689705133438, 0.15482072532176971],
        ]
        assert layer.bias.tolist() == [-0.011439144611358643, 0.45777493715286255]

    def test_in_a_row(self):
        torch.manual_seed(0)
        nn.Linear(3, 2)
        text = repr(nn.Conv2d(1, 2, 2).weight)
        assert text == (
            "Parameter containing:\ntensor([[[[-0.0444,  0.1323],\n          [-0.1511, -0.0983]]],\n\n\n"
            "        [[[-0.4777, -0.3311],\n          [-0.2061,  0.0185]]]], requires_grad=True)"
        )

    def test_functions(self):
        t = torch.empty(3, 4)
        assert nn.init.constant_(t, 2.0) is t
        assert nn.init.eye_(t).sum().item() == 3
        q = nn.init.orthogonal_(torch.empty(3, 5, dtype=torch.float64)).numpy()
        np.testing.assert_allclose(q @ q.T, np.eye(3), atol=1e-12)
        big = nn.init.trunc_normal_(torch.empty(1000), a=-0.5, b=0.5)
        assert big.abs().max().item() <= 0.5
        with pytest.raises(ValueError, match="Fan in and fan out can not be computed"):
            nn.init.xavier_normal_(torch.ones(2))

    def test_empty_ones_warn(self):
        with pytest.warns(UserWarning, match="Initializing zero-element tensors is a no-op"):
            nn.Linear(0, 2)


class TestGradients:
    def test_norm(self):
        p, q = torch.zeros(2, requires_grad=True), torch.zeros(1, requires_grad=True)
        p.grad, q.grad = torch.tensor([3.0, 0.0]), torch.tensor([4.0])
        assert nn.utils.clip_grad_norm_([p, q], 1.0).item() == 5
        np.testing.assert_allclose(p.grad.numpy(), [0.6, 0], rtol=1e-6)
        assert nn.utils.get_total_norm([p.grad, q.grad]).item() == pytest.approx(1.0)
        nn.utils.clip_grad_value_([p], 0.5)
        assert p.grad.tolist() == [0.5, 0]
        q.grad = torch.tensor([float("nan")])
        with pytest.raises(RuntimeError, match=r"The total norm of order 2.0 for gradients from"):
            nn.utils.clip_grad_norm_(q, 1.0, error_if_nonfinite=True)

    def test_as_a_vector(self):
        net = Net()
        vector = nn.utils.parameters_to_vector(net.parameters())
        assert vector.shape == (13,)
        nn.utils.vector_to_parameters(torch.arange(13.0), net.parameters())
        assert net.fc.weight.tolist() == [[0, 1], [2, 3], [4, 5]]

    def test_a_network_learns(self):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                            nn.Linear(16, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 3))  # fmt: skip
        x, y = torch.randn(12, 1, 4, 4), torch.arange(12) % 3
        loss_of, losses = nn.CrossEntropyLoss(), []
        for _ in range(60):
            loss = loss_of(net(x), y)
            net.zero_grad()
            loss.backward()
            losses.append(loss.item())
            with torch.no_grad():
                for p in net.parameters():
                    p -= 0.1 * p.grad
        assert losses[-1] < 0.1 * losses[0]
