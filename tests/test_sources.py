"""Where the source of a function comes from: files, notebook cells, lambdas, text without a file."""

import functools
import importlib.util
import linecache
import subprocess
import sys

import numpy as np
import pytest

import srcgrad as sg

DOUBLE = lambda x: 2.0 * x * x  # noqa: E731


def python(function):
    return sg.differentiable(function, target="python")


def test_function_of_a_file(tmp_path):
    path = tmp_path / "model.py"
    path.write_text("SCALE = 3.0\n\n\ndef energy(x):\n    return SCALE * x * x\n")
    spec = importlib.util.spec_from_file_location("model", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert sg.grad(python(module.energy))(2.0) == 12.0
    module.SCALE = 1.0
    assert python(module.energy).grad(2.0) == 4.0


def test_function_of_a_notebook_cell(define):
    first = define("def f(x):\n    return x * x\n", "f")
    second = define("def f(x):\n    return x * x * x\n", "f")
    assert (python(first).grad(2.0), python(second).grad(2.0)) == (4.0, 12.0)


def test_function_decorated_in_a_notebook_cell(define):
    text = "import srcgrad\n\n@srcgrad.differentiable(\n    target='python',\n)\ndef f(x):\n    return x * x\n"
    assert define(text, "f").grad(3.0) == 6.0


def test_function_without_source_is_refused():
    namespace = {}
    exec("def f(x):\n    return x * x\n", namespace)
    with pytest.raises(sg.UnsupportedError, match="the source of 'f' cannot be found") as info:
        sg.grad(namespace["f"])(1.0)
    assert "linecache" in str(info.value)


def test_helper_without_source_is_refused_at_the_call():
    namespace = {}
    exec("def g(x):\n    return x * x\n", namespace)
    g = namespace["g"]

    @python
    def f(x):
        return x * g(x)

    with pytest.raises(sg.UnsupportedError, match="the source of 'g' cannot be found") as info:
        f(1.0)
    assert "return x * g(x)" in str(info.value)


def test_source_that_changed_since_is_refused_or_found(tmp_path):
    """Never another function's text."""
    path = tmp_path / "edited.py"
    path.write_text("def f(x):\n    return x * x\n")
    namespace = {}
    exec(compile(path.read_text(), str(path), "exec"), namespace)
    path.write_text("def g(x):\n    return x\n\n\ndef f(x):\n    return x * x * x\n")
    linecache.checkcache(str(path))
    with pytest.raises(sg.UnsupportedError, match="cannot be found"):
        sg.grad(namespace["f"])(2.0)


def test_source_edited_in_place_is_never_used_for_the_old_code(tmp_path):
    path = tmp_path / "edited_in_place.py"
    path.write_text("def f(x):\n    return x * x\n")
    namespace = {}
    exec(compile(path.read_text(), str(path), "exec"), namespace)
    path.write_text("def f(x):\n    return x * x * x * 5.0\n")
    linecache.checkcache(str(path))
    try:
        gradient = sg.grad(namespace["f"])(2.0)
    except sg.UnsupportedError:
        return
    assert gradient == 4.0, "the gradient is that of the edited file, not of the function"


def test_lambda_on_a_line_of_its_own():
    assert python(DOUBLE).grad(3.0) == 12.0


def test_lambdas_in_one_line_of_different_text():
    pair = lambda x: x * x, lambda y: y * y * y
    assert [python(f).grad(2.0) for f in pair] == [4.0, 12.0]


def test_lambdas_in_one_line_that_differ_in_an_operator():
    pair = lambda x: x * x, lambda x: x + x
    assert [python(f).grad(2.0) for f in pair] == [4.0, 2.0]


def test_lambdas_in_one_line_that_differ_in_a_constant():
    fs = [lambda x: 2.0 * x * x, lambda x: 3.0 * x * x, lambda x: 3.0 * x * x]
    assert [python(f).grad(1.0) for f in fs] == [4.0, 6.0, 6.0]


def test_lambdas_in_one_line_that_differ_in_a_closure_variable():
    def make(k, m):
        return lambda x: k * x * x, lambda x: m * x * x

    assert [python(f).grad(1.0) for f in make(2.0, 3.0)] == [4.0, 6.0]


def test_lambda_with_defaults_across_lines():
    f = python(
        lambda x, k=(
            2.0
        ): (
            k * x
            * x
        )
    )  # fmt: skip
    assert f.grad(3.0) == 12.0


def test_lambda_inside_a_lambda():
    outer = lambda k: lambda x: k * x * x  # noqa: E731
    assert python(outer(3.0)).grad(1.0) == 6.0


def test_lambda_as_an_argument_on_the_line_of_the_call():
    assert sg.grad(python(lambda x, f: f(x) * x))(2.0, lambda u: u * u) == 12.0


def test_functions_of_one_name():
    def f(x):
        return x * x

    first = f

    def f(x):
        return x * x * x

    assert (python(first).grad(2.0), python(f).grad(2.0)) == (4.0, 12.0)


def test_function_defined_in_a_branch():
    functions = []
    for flag in (True, False):
        if flag:

            def f(x):
                return x * x

        else:

            def f(x):
                return x * x * x

        functions.append(f)
    assert [python(f).grad(2.0) for f in functions] == [4.0, 12.0]


def test_decorated_by_something_else():
    def logged(function):
        @functools.wraps(function)
        def wrapper(x):
            return 2.0 * function(x)

        return wrapper

    @logged
    def f(x):
        return x * x

    assert f(3.0) == 18.0
    try:
        assert sg.grad(python(f))(3.0) == 12.0
    except sg.UnsupportedError as error:
        assert "wrapper" in str(error)  # noqa: PT017


def test_unicode_names_and_text(define):
    f = define("def f(α, β):\n    # größer, 大きい\n    é = α * β  # ∂\n    return é * α + len('ü')\n", "f")
    assert sg.grad(python(f), argnums="α")(2.0, 3.0) == 12.0


def test_user_names_of_generated_things_do_not_collide(define):
    text = (
        "def f(x, dx, bx, tape, t, np_, i):\n    value_tape = x * dx\n    bs = value_tape * bx\n    ds = bs * tape\n"
        "    for k in range(i):\n        bs = bs * x + t\n    result = ds * np_ + bs\n    return result * result\n"
    )
    f = define(text, "f")
    args = (1.1, 0.9, 1.2, 0.8, 0.7, 1.3, 3)
    gradient = sg.grad(python(f), argnums=tuple(range(6)))(*args)
    for k in range(6):
        h = 1e-6
        above, below = (f(*(a + s * h * (j == k) for j, a in enumerate(args[:6])), 3) for s in (1.0, -1.0))
        assert gradient[k] == pytest.approx((above - below) / (2.0 * h), rel=1e-7)
        tangents = tuple(float(j == k) for j in range(6))
        assert sg.jvp(python(f), args, (*tangents, None))[1] == pytest.approx(gradient[k], rel=1e-12)


@pytest.mark.parametrize("name", ["range", "np", "max", "len", "zeros", "f", "min", "abs"])
def test_arguments_named_like_what_generated_code_uses(name, define):
    text = "def f(X, a):\n    s = X\n    for v in a:\n        s = s * v * X + s\n    return s * X\n"
    f, a = define(text.replace("X", name), "f"), np.array([0.5, 1.5])
    h = 1e-6
    expected = (f(1.1 + h, a) - f(1.1 - h, a)) / (2.0 * h)
    assert python(f).grad(1.1, a) == pytest.approx(expected, rel=1e-7)
    assert sg.jvp(python(f), (1.1, a), (1.0, 0.0 * a))[1] == pytest.approx(expected, rel=1e-7)


def test_script_read_from_standard_input_is_refused_clearly():
    code = "import srcgrad\ndef f(x): return x * x\nprint(srcgrad.grad(f)(3.0))\n"
    done = subprocess.run([sys.executable, "-"], input=code, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "6.0" or "the source of 'f' cannot be found" in done.stderr, done.stderr
