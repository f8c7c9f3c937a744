"""The shim's functions take PyTorch's arguments, with PyTorch's defaults."""

import inspect
import operator
import pkgutil

import pytest

import srcgrad.shim

RECORDED = {  # by PyTorch 2.13.0: names of arguments, and their defaults
    "autograd.gradcheck": "func inputs eps=1e-06 atol=1e-05 rtol=0.001 raise_exception=True nondet_tol=0.0 "
    "check_undefined_grad=True check_grad_dtypes=False check_batched_grad=False check_batched_forward_grad=False "
    "check_forward_ad=False check_backward_ad=True fast_mode=False masked=None",
    "autograd.gradgradcheck": "func inputs grad_outputs=None eps=1e-06 atol=1e-05 rtol=0.001 "
    "gen_non_contig_grad_outputs=False raise_exception=True nondet_tol=0.0 check_undefined_grad=True "
    "check_grad_dtypes=False check_batched_grad=False check_fwd_over_rev=False check_rev_over_rev=True fast_mode=False "
    "masked=False",
    "autograd.backward": "tensors grad_tensors=None retain_graph=None create_graph=False grad_variables=None "
    "inputs=None",
    "autograd.grad": "outputs inputs grad_outputs=None retain_graph=None create_graph=False only_inputs=True "
    "allow_unused=None is_grads_batched=False materialize_grads=False",
    "Tensor.backward": "self gradient=None retain_graph=None create_graph=False inputs=None",
    "autograd.functional.jacobian": "func inputs create_graph=False strict=False vectorize=False "
    "strategy='reverse-mode'",
    "autograd.functional.hessian": "func inputs create_graph=False strict=False vectorize=False "
    "outer_jacobian_strategy='reverse-mode'",
    "autograd.functional.vjp": "func inputs v=None create_graph=False strict=False",
    "autograd.functional.jvp": "func inputs v=None create_graph=False strict=False",
    "autograd.functional.vhp": "func inputs v=None create_graph=False strict=False",
    "autograd.functional.hvp": "func inputs v=None create_graph=False strict=False",
    "autograd.graph.saved_tensors_hooks": "pack_hook unpack_hook",
    "autograd.graph.register_multi_grad_hook": "tensors fn mode='all'",
    "autograd.graph.save_on_cpu": "pin_memory=False device_type='cuda'",
    "autograd.detect_anomaly": "check_nan=True",
    "autograd.set_detect_anomaly": "mode check_nan=True",
    "func.grad": "func argnums=0 has_aux=False",
    "func.vjp": "func primals has_aux=False",
    "func.jvp": "func primals tangents strict=False has_aux=False",
    "func.jacfwd": "func argnums=0 has_aux=False randomness='error'",
    "func.hessian": "func argnums=0",
    "func.vmap": "func in_dims=0 out_dims=0 randomness='error' chunk_size=None",
    "utils.checkpoint.checkpoint_sequential": "functions segments input use_reentrant=None kwargs",
}


def signature(torch, name):
    function = operator.attrgetter(name)(torch)
    empty = inspect.Parameter.empty
    return " ".join(
        n if p.default is empty else f"{n}={p.default!r}" for n, p in inspect.signature(function).parameters.items()
    )


@pytest.mark.parametrize("name", RECORDED)
def test_as_recorded(name):
    assert signature(srcgrad.shim, name) == RECORDED[name]


@pytest.mark.parametrize("name", RECORDED)
def test_recording_is_right(name):
    assert signature(pytest.importorskip("torch"), name) == RECORDED[name]


def test_no_module_hides_a_function():
    modules = {m.name for m in pkgutil.iter_modules(srcgrad.shim.__path__)}
    assert not modules & set(srcgrad.shim.methods.FUNCTIONS)
