import math
import pickle

import numpy as np
import pytest

from srcgrad.shim import generator
from srcgrad.shim.generator import Generator

SEEDS = (0, 1234, 2**63 + 5)
CALLS = [  # in this order from one stream, so that spare normals stay across other draws
    ("normal", (3,), "float32", 0.0, 1.0),
    ("uniform", (3,), "float32", 0.0, 1.0),
    ("normal", (1,), "float64", 0.0, 1.0),
    ("normal", (2, 8), "float32", 0.0, 1.0),
    ("normal", (15,), "float32", -1.5, 0.3),
    ("normal", (17,), "float32", 0.0, 1.0),
    ("normal", (), "float32", 0.0, 1.0),
    ("normal", (31,), "float64", 0.3, 1.7),
    ("normal", (40,), "float32", 0.3, 1.7),
    ("normal", (1000,), "float32", 0.0, 1.0),
    ("normal", (1000,), "float64", 0.0, 1.0),
    ("uniform", (1000,), "float32", -0.1, 0.7),
    ("uniform", (1000,), "float64", -0.1, 0.7),
    ("uniform", (), "float64", 0.0, 1.0),
    ("integers", 0, 10, (1000,), "int64"),
    ("integers", -7, 2**31 - 8, (16,), "int32"),
    ("integers", -(2**63), 2**63 - 1, (3,), "int64"),
    ("integers", -5, -2, (), "int64"),
    ("permutation", 10),
    ("permutation", 1000),
    ("permutation", 0),
    ("bernoulli", 0.3, (1000,), "float32"),
    ("bernoulli", 0.3, (17,), "float64"),
    ("bernoulli_of", "float32"),
    ("bernoulli_of", "float64"),
    ("exponential", (40,), "float32", 2.0),
    ("exponential", (3,), "float64", 0.5),
    ("normal", (1,), "float32", 0.0, 1.0),
]
RECORDED = {  # by PyTorch 2.13.0 on the CPU: `digest` of each call
    0: [
        [1.5409960746765137, -0.293428897857666, -2.1787893772125244, -5.582229852676392],
        [0.455627977848053, 0.6323062777519226, 0.3488934636116028, 2.7669209241867065],
        [0.5684312772806678, 0.5684312772806678, 0.5684312772806678],
        [-0.20410172641277313, -0.08853142708539963, -0.1733967512845993, -15.266307443380356],
        [-1.7168653011322021, -0.640097975730896, -1.8942075967788696, -167.61690473556519],
        [-0.5553584098815918, -1.1256016492843628, -0.049727022647857666, -0.5760477959993295],
        [-1.6894433498382568, -1.6894433498382568, -1.6894433498382568],
        [0.9273760525667183, -0.01824372860590078, -0.5082986938479536, 3.3064417221704234],
        [1.2973686456680298, 0.5691021084785461, -2.619514226913452, -94.10790944844484],
        [0.07616609334945679, -1.0786033868789673, 0.04309734329581261, 2874.795254788245],
        [0.6833537453667315, -0.27477401749222746, 0.30531182575302823, -3650.1211671615565],
        [0.6149858832359314, 0.6873168349266052, 0.3787271976470947, 146627.7578291372],
        [0.36285272148861003, 0.20242983782855722, 0.2276533263399142, 153468.24096994704],
        [0.00010879557356358038, 0.00010879557356358038, 0.00010879557356358038],
        [4, 2, 0, 2228678.0],
        [1508302014, 995267092, 205958784, 167268537648.0],
        [-3783809626192041190, -3525834212476111048, 2346116521469418370, -3.797128486736007e18],
        [-3, -3, -3.0],
        [2, 6, 3, 283.0],
        [755, 245, 963, 250825567.0],
        [0.0],
        [0.0, 1.0, 1.0, 157113.0],
        [0.0, 0.0, 0.0, 58.0],
        [0.0, 0.0, 1.0, 518.0],
        [0.0, 0.0, 1.0, 432.0],
        [0.2658446431159973, 1.8634755611419678, 0.35780078172683716, 544.3230585344136],
        [2.4509518515642736, 0.10561705836752623, 7.0794332801962865, 23.900485808888185],
        [-1.4494376182556152, -1.4494376182556152, -1.4494376182556152],
    ],
    1234: [
        [0.0461304634809494, 0.4024028182029724, -1.0115290880203247, -2.18365116417408],
        [0.6738061308860779, 0.33146196603775024, 0.7837080359458923, 3.6878541707992554],
        [0.21673823500721034, 0.21673823500721034, 0.21673823500721034],
        [-0.15097351372241974, -1.3892054557800293, 0.220659077167511, -39.44718713313341],
        [-1.4273121356964111, -1.6985764503479004, -1.4733164310455322, -177.2968727350235],
        [-0.4534882605075836, 0.46223264932632446, -0.8018112778663635, -50.21986284852028],
        [0.2425958663225174, 0.2425958663225174, 0.2425958663225174],
        [-2.4190108414846208, 3.375676772075039, -3.025963744433794, 21.197373884913656],
        [-0.16917672753334045, 1.243246078491211, 2.7831413745880127, 393.2098300345242],
        [0.04731083661317825, 0.012405237182974815, 1.5205761194229126, -2800.142331054434],
        [-0.05635831242725043, 0.2652085622209576, 0.89356374448056, -46269.91814041552],
        [0.3096224367618561, 0.4262148439884186, 0.01117782574146986, 147275.66770608292],
        [0.08027907207116917, 0.13370075922282038, 0.36766757447386095, 149425.1894505386],
        [0.08417744197884791, 0.08417744197884791, 0.08417744197884791],
        [0, 9, 0, 2236031.0],
        [302902407, 1516094636, 1635036648, 132252630115.0],
        [3331347335806803588, -5826770230458669790, 6936188674239787835, 1.2486372897608829e19],
        [-4, -4, -4.0],
        [3, 5, 9, 254.0],
        [213, 412, 542, 254581136.0],
        [0.0],
        [0.0, 0.0, 0.0, 143248.0],
        [0.0, 0.0, 0.0, 46.0],
        [0.0, 0.0, 1.0, 517.0],
        [0.0, 0.0, 1.0, 539.0],
        [0.9039130806922913, 0.017636194825172424, 0.033141858875751495, 365.0333375111222],
        [0.1633972393541246, 2.2301398349851382, 0.289923576788213, 5.49344763968904],
        [1.5493097305297852, 1.5493097305297852, 1.5493097305297852],
    ],
    9223372036854775813: [
        [-0.4867807626724243, -0.6038215756416321, -0.5580962300300598, -3.368712604045868],
        [0.0332646369934082, 0.9941847324371338, 0.6064285635948181, 3.84091979265213],
        [0.6675243015344896, 0.6675243015344896, 0.6675243015344896],
        [1.130446195602417, -0.18729281425476074, -0.05833946168422699, 30.419199891388416],
        [-1.6421782970428467, -1.43856942653656, -1.7390464544296265, -189.3445669412613],
        [-0.3713698387145996, 0.977179229259491, 0.9267182350158691, 58.65856793522835],
        [-0.7335302233695984, -0.7335302233695984, -0.7335302233695984],
        [0.27520095235784386, -0.15582860550914585, -1.2164125631161378, 79.95301663489626],
        [0.725504457950592, -2.607538938522339, -0.5473051071166992, 582.566371075809],
        [-0.10109546780586243, 1.5047134160995483, -0.3933960497379303, -435.35340174258454],
        [0.5795356366768463, 0.19861286231761371, 0.8140489272040327, -1860.020541971729],
        [0.5070356726646423, 0.03291669115424156, -0.0913306251168251, 150014.89726548077],
        [0.4983698414765799, -0.014065547219508203, 0.21395744162936486, 145952.06474315943],
        [0.057176747229341185, 0.057176747229341185, 0.057176747229341185],
        [7, 6, 8, 2324825.0],
        [122625647, 1077730200, 1887940828, 140656133882.0],
        [8831103176782717475, 8378091646169260616, 3909573840863209886, 3.731600799171087e19],
        [-4, -4, -4.0],
        [1, 6, 9, 261.0],
        [138, 559, 596, 244229015.0],
        [0.0],
        [1.0, 0.0, 1.0, 146848.0],
        [0.0, 0.0, 0.0, 52.0],
        [0.0, 0.0, 1.0, 434.0],
        [0.0, 0.0, 1.0, 490.0],
        [0.29823508858680725, 1.7789982557296753, 2.3811724185943604, 505.94310852885246],
        [3.490562250630652, 6.795513125087042, 1.5841392184666063, 21.834006156204556],
        [0.5570976138114929, 0.5570976138114929, 0.5570976138114929],
    ],
}


def probabilities(dtype):
    return np.linspace(0, 1, 40).astype(dtype).reshape(4, 10)


def ours(g, name, *args):
    return g.bernoulli(probabilities(*args)) if name == "bernoulli_of" else getattr(g, name)(*args)


def theirs(torch, g, name, *args):
    """The same by PyTorch."""
    if name == "permutation":
        return torch.randperm(*args, generator=g).numpy()
    if name == "bernoulli_of":
        return torch.bernoulli(torch.from_numpy(probabilities(*args)), generator=g).numpy()
    if name == "integers":
        low, high, shape, dtype = args
        return torch.randint(low, high, shape, dtype=getattr(torch, dtype), generator=g).numpy()
    if name == "bernoulli":
        p, shape, dtype = args
        return torch.empty(shape, dtype=getattr(torch, dtype)).bernoulli_(p, generator=g).numpy()
    shape, dtype, *numbers = args
    return getattr(torch.empty(shape, dtype=getattr(torch, dtype)), f"{name}_")(*numbers, generator=g).numpy()


def digest(x):
    """The first elements, the last, and a sum in which the order counts."""
    values = x.ravel().tolist()
    return [*values[:2], *values[-1:], math.fsum(i * v for i, v in enumerate(values, 1))]


def by_library(name, *args):
    """Whether the C library's float64 functions decide over the last bits."""
    return name == "exponential" or (name == "normal" and args[1] == "float64")


@pytest.mark.parametrize("seed", SEEDS)
def test_draws_are_those_recorded(seed):
    g = Generator().manual_seed(seed)
    for call, recorded in zip(CALLS, RECORDED[seed], strict=True):
        found = digest(ours(g, *call))
        if by_library(*call):
            np.testing.assert_allclose(found, recorded, rtol=1e-13, err_msg=str(call))
        else:
            assert found == recorded, call


def random_call(rng):
    """Any call of CALLS with any size, and any other range."""
    name, *args = CALLS[rng.integers(len(CALLS))]
    n = int(rng.choice([0, 1, 3, 15, 16, 17, 31, 40, 1000, 40_000]))
    if name == "permutation":
        return name, n
    args = [(n,) if isinstance(a, tuple) else a for a in args]
    if name in {"normal", "uniform"} and rng.random() < 0.5:
        low, width = rng.normal(), rng.exponential()
        args[2:] = (low, width) if name == "normal" else (low, low + width)
    return name, *args


@pytest.mark.parametrize("seed", range(5))
def test_draws_are_those_of_pytorch(seed):
    torch = pytest.importorskip("torch", minversion="2.13")
    if torch.backends.cpu.get_cpu_capability() != "AVX2":
        pytest.skip("PyTorch's own last bits differ")
    g, other, rng = Generator().manual_seed(seed), torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    for _ in range(200):
        call = random_call(rng)
        found, expected = ours(g, *call), theirs(torch, other, *call)
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape), call
        assert found.tobytes() == expected.tobytes(), call


def test_draws_for_tensors_that_are_not_contiguous():
    torch = pytest.importorskip("torch", minversion="2.13")
    g, other = Generator().manual_seed(3), torch.Generator().manual_seed(3)
    g.normal((1,))
    torch.randn(1, generator=other)
    expected = torch.empty(4, 8).t().normal_(1.0, 2.0, generator=other).t()
    np.testing.assert_allclose(g.normal((4, 8), np.float32, 1.0, 2.0, contiguous=False), expected, rtol=1e-6)


@pytest.mark.parametrize("p", [0.1, 0.3, 0.5])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dropout_is_a_draw_over_a_number(p, dtype):
    torch = pytest.importorskip("torch", minversion="2.13")
    torch.manual_seed(5)
    ones = torch.ones(100, dtype=getattr(torch, dtype))
    expected = torch.nn.functional.dropout(ones, p, training=True).numpy()
    found = Generator().manual_seed(5).bernoulli(1 - p, (100,), dtype) / (1 - p)
    assert found.tobytes() == expected.tobytes()


def test_a_spare_normal_stays_until_the_next_small_draw():
    whole = Generator().manual_seed(1).normal((2,), np.float64)
    g = Generator().manual_seed(1)
    assert g.normal((1,), np.float64)[0] == whole[0]
    g.uniform((4,)), g.normal((16,)), g.integers(0, 3, (4,)), g.normal((0,))
    assert g.normal((1,))[0] == np.float32(whole[1])
    assert g.manual_seed(1).normal((1,), np.float64)[0] == whole[0]  # a seed drops it


def test_state():
    g = Generator().manual_seed(1)
    g.normal((1,))
    state = pickle.loads(pickle.dumps(g.get_state()))  # noqa: S301 - our own
    first = g.normal((20,)), g.normal((3,)), g.uniform((2,))
    other = Generator().set_state(state)
    again = other.normal((20,)), other.normal((3,)), other.uniform((2,))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert other.initial_seed() == 1


def test_seeds():
    assert Generator().initial_seed() == 67280421310721
    assert Generator().manual_seed(-2).initial_seed() == 2**64 - 2
    g = Generator()
    assert g.seed() == g.initial_seed() != 67280421310721
    assert np.array_equal(Generator().manual_seed(2**32 + 3).uniform((3,)), Generator().manual_seed(3).uniform((3,)))
    assert isinstance(generator.default_generator, Generator)
    assert generator.default_generator.initial_seed() != Generator().initial_seed()


def test_the_upper_end_is_excluded():
    x = Generator().manual_seed(0).uniform((1000,), np.float32, 1.0, 1.0 + 2.0**-22)
    assert x.min() == 1
    assert x.max() < np.float32(1 + 2.0**-22)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (("uniform", (3,), "float32", 1, 0), "from=1 > to=0"),
        (("normal", (3,), "float32", 0, -1), "found std -1"),
        (("integers", 3, 3, (2,)), "from=3 >= to=3"),
        (("bernoulli", 1.5, (3,)), "p=1.5"),
        (("exponential", (3,), "float32", 0), "lambda=0"),
    ],
)
def test_ranges_are_checked(call, message):
    with pytest.raises(RuntimeError, match=message):
        ours(Generator(), *call)


def test_other_dtypes_are_refused():
    with pytest.raises(TypeError, match="float16"):
        Generator().uniform((3,), np.dtype(np.float16))
