import json
import runpy
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import ClipError, RecipeError, UnknownNameError, WeightsError
from kinetoscope.networks.zoo import ZOO, build_network

GOLDEN = Path(__file__).parents[1] / "golden"
TOYS = [name for name in ZOO if name.endswith("_toy")]
FAMILIES = sorted({listing.module for listing in ZOO.values()})

# Known exactly from the papers' definitions, by arithmetic; see also each family's own tests.
EXACT = {
    "two_stream_vgg16": 283_514_762,
    "vgg16_frames": 134_674_341,
    "vgg16_flow": 134_684_133,
    "c3d": 79_991_015,
    "r3d_18": 33_371_472,
    "mc3_18": 11_695_440,
    "r2plus1d_18": 31_505_325,
}


def on_meta(name, **options):
    with torch.device("meta"):
        return build_network(name, **options)


@pytest.mark.parametrize("name", ZOO)
def test_a_row_says_what_its_network_is(name):
    network, row = on_meta(name), ZOO[name]
    assert network.weights_count == row.weights == EXACT.get(name, row.weights)
    assert network.expects.streams == row.streams
    assert (network.expects.frames, network.expects.size) == (row.frames, (row.size, row.size))
    assert len(network.labels) == row.labels
    assert row.about
    assert row.source


@pytest.mark.parametrize("name", ZOO)
def test_layers_are_named_in_the_order_of_computation(name, shapes_of):
    network = on_meta(name)
    assert list(shapes_of(network)) == list(network.layers)


@pytest.mark.parametrize("name", ZOO)
def test_nothing_is_done_in_place_and_all_that_matters_is_saved(name):
    model = on_meta(name).model
    assert not [path for path, each in model.named_modules() if getattr(each, "inplace", False)]
    assert {path for path, _ in model.named_buffers()} <= model.state_dict().keys()


@pytest.mark.parametrize("family", FAMILIES)
def test_every_variant_is_in_the_table(family):
    variants = import_module(f"kinetoscope.networks.{family}").VARIANTS
    assert set(variants) == {name for name, row in ZOO.items() if row.module == family}


@pytest.mark.parametrize("name", TOYS)
def test_toy_networks_answer_what_they_answered(name):
    answered = runpy.run_path(str(GOLDEN / "make_golden.py"))["scores"](name)
    golden = load_file(GOLDEN / "networks.safetensors")[name]
    torch.testing.assert_close(answered, golden, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", TOYS)
def test_toy_networks_run_forward_and_backward(name, clips_for):
    torch.manual_seed(0)
    network = build_network(name).train()
    functional.cross_entropy(network.scores(clips_for(network, 2)), torch.tensor([0, 1])).backward()
    gradients = {path: weight.grad for path, weight in network.model.named_parameters()}
    assert all(gradient is None or gradient.isfinite().all() for gradient in gradients.values())
    assert any(gradient is not None and gradient.any() for gradient in gradients.values())


@pytest.mark.parametrize("name", TOYS)
@torch.no_grad()
def test_other_clips_of_a_batch_do_not_matter(name, clips_for):
    torch.manual_seed(0)
    network = build_network(name).eval()
    batch = clips_for(network, 3)
    streams = {stream: batch.stream(stream) for stream in network.expects.streams}
    alone = ClipBatch(**{stream: clips[:1] for stream, clips in streams.items()})
    torch.testing.assert_close(
        network.scores(batch)[:1], network.scores(alone), rtol=1e-4, atol=1e-5
    )


def test_the_table_is_read_without_loading_torch():
    code = "import sys, kinetoscope.networks.zoo; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_options_override_the_configuration():
    network = on_meta("two_stream_vgg16", labels=101, keep_motion=False)
    assert network.weights_count == 163_555_109
    assert network.options["keep_motion"] is False
    assert "motion.label" not in network.layers


def test_options_survive_json():
    network = build_network("two_stream_small_toy", channels=(3, 3, 3, 3), dropout=0)
    options = json.loads(json.dumps(network.options))
    assert build_network("two_stream_small_toy", **options).options == network.options


def test_options_may_be_as_long_as_their_kind_says_and_none_where_it_may_be():
    network = on_meta("i3d_toy", non_local=["res3.1"], frames_per_second=None)
    assert network.options["non_local"] == ("res3.1",)
    assert network.expects.frames_per_second is None
    with pytest.raises(RecipeError, match="non_local of i3d_toy"):
        on_meta("i3d_toy", non_local=(3,))


def test_labels_are_names_or_a_count():
    assert build_network("c3d_toy", labels=["walk", "run"]).labels == ("walk", "run")
    assert build_network("c3d_toy", labels=2).labels == ("label 0", "label 1")
    assert on_meta("r3d_18").labels[:2] == ("label 0", "label 1")  # untrained, it knows none


def test_a_network_may_expect_other_clips():
    spec = ClipSpec(frames=32, short_side=128, size=(112, 112))
    assert build_network("c3d_toy", expects=spec).expects == spec


@pytest.mark.parametrize(
    ("name", "settings", "error", "message"),
    [
        ("r3d", {}, UnknownNameError, "near: .*r3d_18"),
        ("c3d_toy", {"drop": 0.5}, UnknownNameError, "near: dropout"),
        ("two_stream_small_toy", {"fusion": "konv"}, UnknownNameError, "near: conv"),
        ("c3d_toy", {"hidden": "many"}, RecipeError, "such as 8"),
        ("c3d_toy", {"channels": (1, 2)}, RecipeError, r"got:      \(1, 2\)"),
        ("c3d_toy", {"hidden": True}, RecipeError, "got:      True"),
        ("c3d_toy", {"labels": ["run", "run"]}, WeightsError, "1 of them different"),
        ("c3d_toy", {"labels": 0}, WeightsError, "0 labels"),
        ("c3d_toy", {"expects": ClipSpec(streams=("flow",))}, ClipError, "expected: frames"),
    ],
    ids=[
        *("name", "option", "choice", "kind", "length", "truth for a number"),
        *("label twice", "no labels", "streams"),
    ],
)
def test_refuses_what_no_network_has(name, settings, error, message):
    with pytest.raises(error, match=message):
        build_network(name, **settings)
