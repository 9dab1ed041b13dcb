import json
import pickle
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from torchvision.models import resnet18

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import UnknownNameError, WeightsError
from kinetoscope.networks.network import Network
from kinetoscope.networks.non_local import add_non_local
from kinetoscope.networks.others.adapters import as_network
from kinetoscope.networks.pictures.shift import add_shift
from kinetoscope.networks.weights import (
    fit,
    load_network,
    load_weights,
    open_weights,
    save_network,
)
from kinetoscope.networks.zoo import build_network
from tests.networks.files import foreign

LABELS = ["walk", "<script>", "naïve 跑"]


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = build_network("two_stream_small_toy", labels=LABELS, fusion="max")
    for each in network.modules():
        if isinstance(each, nn.BatchNorm3d):
            each.running_mean.uniform_()
            each.running_var.uniform_(0.5, 2)
            each.num_batches_tracked.fill_(7)
    return network


def state(**tensors):
    return {name: torch.full(shape, 1.0) for name, shape in tensors.items()}


def test_a_network_comes_back_whole_and_in_eval_mode(network, clips_for, tmp_path):
    save_network(network, tmp_path / "w.safetensors", recipe_toml='network = "a"')
    loaded = load_network(tmp_path / "w.safetensors")
    assert (loaded.name, loaded.labels, loaded.layers) == (
        network.name,
        network.labels,
        network.layers,
    )
    assert (loaded.options, loaded.expects) == (network.options, network.expects)
    assert not any(each.training for each in loaded.modules())
    assert loaded.weights_hash == network.weights_hash
    batch = clips_for(network, 2)
    torch.testing.assert_close(loaded(batch), network.eval()(batch), rtol=0, atol=0)
    found, kept = loaded.model.state_dict(), network.model.state_dict()
    assert all(torch.equal(found[name], kept[name]) for name in kept)
    assert all(weight.requires_grad for weight in loaded.parameters())


def test_the_file_says_all_in_one_piece_of_json(network, tmp_path):
    save_network(network, tmp_path / "w.safetensors", recipe_toml="seed = 1\n")
    with safe_open(tmp_path / "w.safetensors", framework="pt") as file:
        about = json.loads(file.metadata()["kinetoscope"])
    assert about["name"] == "two_stream_small_toy"
    assert about["labels"] == LABELS
    assert about["recipe"] == "seed = 1\n"
    assert ClipSpec.from_json(about["expects"]) == network.expects


def test_the_same_network_gives_the_same_bytes(network, tmp_path):
    for name in ("a.safetensors", "b.safetensors"):
        save_network(network, tmp_path / name)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_loading_takes_no_random_numbers_and_no_memory_twice(network, tmp_path):
    save_network(network, tmp_path / "w.safetensors")
    before = torch.random.get_rng_state()
    loaded = load_network(tmp_path / "w.safetensors")
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not any(tensor.is_meta for tensor in [*loaded.parameters(), *loaded.buffers()])


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_a_loaded_network_can_be_trained_and_its_file_stays(tmp_path, name):
    network = build_network("c3d_toy")
    if name == "w.pth":
        torch.save(network.model.state_dict(), tmp_path / name)
    else:
        save_network(network, tmp_path / name)
    before = (tmp_path / name).read_bytes()
    loaded = load_network("c3d_toy", weights=tmp_path / name)
    with torch.no_grad():
        for weight in loaded.parameters():
            weight.mul_(2)
    assert torch.equal(loaded.model.fc7.conv.weight, 2 * network.model.fc7.conv.weight)
    assert (tmp_path / name).read_bytes() == before


def test_labels_may_be_renamed(network, tmp_path):
    save_network(network, tmp_path / "w.safetensors")
    assert load_network(tmp_path / "w.safetensors", labels=["a", "b", "c"]).labels == (*"abc",)
    with pytest.raises(WeightsError, match="3: walk, <script>"):
        load_network(tmp_path / "w.safetensors", labels=["a", "b"])


def test_a_file_of_a_named_network_is_opened_as_it_was_saved(network, tmp_path):
    save_network(network, tmp_path / "w.safetensors")
    loaded = load_network("two_stream_small_toy", weights=tmp_path / "w.safetensors")
    assert loaded.options["fusion"] == "max"
    assert loaded.labels == tuple(LABELS)


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "module.model.", "_orig_mod."])
@pytest.mark.parametrize("key", [None, "model_state", "state_dict", "model"])
def test_checkpoints_of_others_are_matched_by_name(tmp_path, clips_for, key, prefix):
    network = build_network("c3d_toy").eval()
    renamed = {f"{prefix}{name}": each for name, each in network.model.state_dict().items()}
    torch.save(renamed if key is None else {key: renamed, "epoch": 1}, tmp_path / "w.pth")
    loaded = load_network("c3d_toy", weights=tmp_path / "w.pth")
    assert loaded.weights_hash == network.weights_hash


def test_weights_of_fully_connected_layers_fit_convolutions(tmp_path):
    network = build_network("c3d_toy").eval()
    flat = {
        name: each.flatten(1) if name.startswith(("fc", "label")) and each.ndim > 1 else each
        for name, each in network.model.state_dict().items()
    }
    torch.save(flat, tmp_path / "w.pth")
    loaded = load_network("c3d_toy", weights=tmp_path / "w.pth")
    assert loaded.weights_hash == network.weights_hash


def test_half_precision_is_brought_to_the_networks_own(tmp_path):
    network = build_network("c3d_toy")
    torch.save({name: w.half() for name, w in network.model.state_dict().items()}, tmp_path / "w")
    loaded = load_network("c3d_toy", weights=tmp_path / "w")
    assert {weight.dtype for weight in loaded.parameters()} == {torch.float32}


def test_a_missing_count_of_batches_does_no_harm(network, tmp_path):
    older = {
        name: each
        for name, each in network.model.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    plain = build_network("two_stream_small_toy", labels=LABELS, fusion="max")
    torch.save(older, tmp_path / "w.pth")
    match = load_weights(plain, tmp_path / "w.pth")
    assert match.complete
    assert len(match.loaded) == len(older)


def test_every_tensor_is_accounted_for_once():
    @given(
        found=some.dictionaries(some.sampled_from("abcdef"), some.integers(1, 3)),
        wanted=some.dictionaries(some.sampled_from("abcdef"), some.integers(1, 3)),
    )
    def check(found, wanted):
        _, match = fit(
            state(**{n: (s,) for n, s in found.items()}),
            state(**{n: (s,) for n, s in wanted.items()}),
        )
        misfits = [name for name, _, _ in match.misfits]
        assert sorted([*match.loaded, *match.missing, *misfits]) == sorted(wanted)
        assert sorted([*match.loaded, *match.unexpected, *misfits]) == sorted(found)
        assert match.complete == (found == wanted)

    check()


def test_fine_tuning_keeps_the_label_layer_as_it_is(network, tmp_path):
    save_network(network, tmp_path / "w.safetensors")
    other = build_network("two_stream_small_toy", labels=5, fusion="max")
    label, hash_before = other.model.label.conv.weight.clone(), other.weights_hash
    match = load_weights(other, tmp_path / "w.safetensors", without=["label", "motion.label"])
    assert match.complete
    assert match.left[0] == "motion.label.conv.weight"
    assert torch.equal(other.model.label.conv.weight, label)
    assert torch.equal(other.model.conv4.conv.weight, network.model.conv4.conv.weight)
    assert other.weights_hash != hash_before


def test_a_users_own_module_is_saved_and_loaded_into_one_that_is_there(tmp_path):
    def mine():
        return nn.Sequential(nn.Conv3d(3, 4, 3), nn.AdaptiveAvgPool3d(1), nn.Flatten())

    network = as_network(mine(), labels=[*"abcd"], name="mine")
    save_network(network, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match="the name mine"):
        load_network(tmp_path / "w.safetensors")
    other = as_network(mine(), labels=[*"abcd"], name="mine")
    load_weights(other, tmp_path / "w.safetensors")
    assert other.weights_hash == network.weights_hash


def test_tensors_that_share_memory_are_saved(tmp_path):
    tied = nn.Sequential(
        nn.Conv3d(3, 3, 1), nn.Conv3d(3, 3, 1), nn.AdaptiveAvgPool3d(1), nn.Flatten()
    )
    tied[1].weight = tied[0].weight
    save_network(
        Network(tied, labels=[*"abc"], expects=ClipSpec(), name="tied"), tmp_path / "w.safetensors"
    )
    assert len(load_file(tmp_path / "w.safetensors")) == 4


def test_refuses_a_checkpoint_of_another_network_and_says_what_matched(tmp_path):
    save_network(build_network("c3d_toy"), tmp_path / "w.safetensors")
    with pytest.raises(WeightsError) as refusal:
        load_network("single_frame_toy", weights=tmp_path / "w.safetensors")
    message = str(refusal.value)
    assert "does not fit single_frame_toy" in message
    assert "5 of 16 tensors; missing: conv1.conv.weight" in message
    assert "not in the network: conv1a.conv" in message
    assert "of another shape: fc6.conv.weight (8, 6, 1, 4, 4) for (8, 3, 1, 2, 2)" in message
    assert "the file says that it is c3d_toy" in message


def test_a_network_stays_as_it_was_where_a_checkpoint_is_refused(tmp_path):
    network = build_network("c3d_toy")
    before = network.weights_hash
    tensors = {name: torch.zeros_like(w) for name, w in network.model.state_dict().items()}
    tensors.pop("fc7.conv.bias")
    torch.save(tensors, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"21 of 22 tensors; missing: fc7\.conv\.bias"):
        load_weights(network, tmp_path / "w.pth")
    network.__dict__.pop("weights_hash")
    assert network.weights_hash == before


def test_refuses_another_number_of_labels_and_says_how_to_go_on(tmp_path):
    torch.save(build_network("c3d_toy", labels=7).model.state_dict(), tmp_path / "w.pth")
    with pytest.raises(WeightsError) as refusal:
        load_network("c3d_toy", weights=tmp_path / "w.pth")
    message = str(refusal.value)
    assert "scores for 7 labels" in message
    assert "scores for 3 labels" in message
    assert "labels=[7 names]" in message
    assert "without=['label']" in message
    loaded = load_network("c3d_toy", weights=tmp_path / "w.pth", labels=[*"abcdefg"])
    assert len(loaded.labels) == 7


def test_a_name_without_weights_gives_the_network_untrained_and_in_eval_mode():
    network = load_network("c3d_toy", labels=["a", "b"])
    assert network.labels == ("a", "b")
    assert len(load_network("c3d_toy", labels=5).labels) == 5
    assert not any(each.training for each in network.modules())


def test_labels_of_the_file_are_taken_and_those_of_the_user_before_them(tmp_path):
    state = build_network("c3d_toy", labels=4).model.state_dict()
    meta = {"dataset_meta": {"classes": ["a", "b", "c", "d"]}}
    torch.save({"state_dict": state, "meta": meta}, tmp_path / "w.pth")
    assert load_network("c3d_toy", weights=tmp_path / "w.pth").labels == (*"abcd",)
    mine = load_network("c3d_toy", weights=tmp_path / "w.pth", labels=[*"wxyz"])
    assert mine.labels == (*"wxyz",)
    counted = load_network("c3d_toy", weights=tmp_path / "w.pth", labels=4)
    assert counted.labels[0] == "label 0"
    with pytest.raises(WeightsError, match="scores for 4 labels"):
        load_network("c3d_toy", weights=tmp_path / "w.pth", labels=5)


PUBLISHED = [
    ("i3d_nl_toy", foreign.pyslowfast),
    ("slowfast_toy", foreign.pyslowfast),
    ("i3d_nl_toy", foreign.caffe2),
    ("slowfast_toy", foreign.caffe2),
    ("slow_toy", foreign.pytorchvideo),
    ("i3d_toy", partial(foreign.pytorchvideo, pooled=True)),
    ("slowfast_toy", partial(foreign.pytorchvideo, pooled=True)),
    ("slow_toy", foreign.mmaction2),
    ("slowfast_toy", foreign.mmaction2),
]


def trained(name, **options):
    """A toy whose norms have seen something."""
    torch.manual_seed(0)
    network = build_network(name, **options)
    for each in network.modules():
        if isinstance(each, nn.BatchNorm3d):
            each.weight.data.uniform_(0.5, 1.5)
            each.running_mean.uniform_(-1, 1)
            each.running_var.uniform_(0.5, 2)
    return network.eval()


def saved(path, state, rename):
    """A checkpoint as the library that `rename` is of saves it."""
    theirs = foreign.renamed(state, rename)
    flat = {
        n: each.flatten(1) if n.startswith(HEADS) and each.ndim > 1 else each
        for n, each in theirs.items()
    }
    if rename is foreign.caffe2:
        arrays = {name: each.detach().numpy() for name, each in flat.items()}
        path.write_bytes(pickle.dumps({"blobs": {**arrays, "lr": 0.1}}, 2))
    elif rename is foreign.pyslowfast:
        torch.save({"epoch": 1, "model_state": flat, "cfg": "NUM_GPUS: 8\n"}, path)
    elif rename is foreign.mmaction2:
        torch.save({"meta": {"epoch": 1}, "state_dict": flat}, path)
    else:
        torch.save({"model_state": {f"model.{name}": each for name, each in flat.items()}}, path)


HEADS = ("head.projection", "pred_", "cls_head.fc_cls", "blocks.5.proj", "blocks.6.proj")


@pytest.mark.parametrize(
    ("name", "rename"), PUBLISHED, ids=[f"{name} {n}" for n, (name, _) in enumerate(PUBLISHED)]
)
def test_a_checkpoint_of_every_library_answers_as_the_network_it_was_saved_from(
    tmp_path, name, rename
):
    from kinetoscope.networks.files.dialects import dialect_of

    plain = build_network(name)
    names = foreign.renamed(plain.model.state_dict(), rename)
    wanted = dialect_of(names).options
    options = {option: value for option, value in wanted.items() if option in plain.options}
    network = trained(name, **options)
    saved(tmp_path / "w", network.model.state_dict(), rename)
    loaded, match = open_weights(name, tmp_path / "w")
    assert match.complete
    assert {**loaded.options, **options} == loaded.options
    clip = torch.randn(2, 3, network.expects.frames, 64, 96)  # not square
    with torch.no_grad():
        torch.testing.assert_close(loaded.model(clip), network.model(clip))


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.parametrize(
    ("theirs", "ours", "alpha"),
    [("i3d_r50", "i3d_r50", None), ("slowfast_r50", "slowfast_r50_8x8", 4)],
)
def test_pytorchvideos_own_networks_answer_the_same_from_their_own_files(
    tmp_path, theirs, ours, alpha
):
    hub = pytest.importorskip("pytorchvideo.models.hub")
    torch.manual_seed(0)
    model = getattr(hub, theirs)(pretrained=False).eval()
    for each in model.modules():
        if isinstance(each, nn.BatchNorm3d):
            each.weight.uniform_(0.5, 1)
            each.running_mean.uniform_(-0.1, 0.1)
            each.running_var.uniform_(0.5, 2)
    torch.save({"model_state": model.state_dict()}, tmp_path / "w.pyth")
    loaded, match = open_weights(ours, tmp_path / "w.pyth")
    assert match.complete
    clip = torch.randn(1, 3, loaded.expects.frames, 224, 256)
    slow = None if alpha is None else clip[:, :, torch.linspace(0, 31, 32 // alpha).long()]
    expected = model(clip if slow is None else [slow, clip])
    torch.testing.assert_close(loaded.model(clip), expected, rtol=1e-4, atol=1e-4)


LONG = {"pathway": "i3d_long", "frames": 32}


def test_non_local_blocks_of_mmaction2_answer_as_they_did(tmp_path):
    of_theirs = {"pools": "mmaction2", "non_local_subsample": "after", **LONG}
    network = trained("i3d_nl_toy", non_local_kind="dot-product", **of_theirs)
    for part in (network.model.res3[1], network.model.res4[1]):
        part.non_local.out.bias.data.zero_()  # whose convolution has no bias
    theirs = foreign.renamed(network.model.state_dict(), foreign.mmaction2)
    assert not any(name.endswith("conv_out.conv.bias") for name in theirs)
    told = "non_local_cfg=dict(sub_sample=True, use_scale=False, mode='dot_product')"
    torch.save({"state_dict": theirs, "meta": {"cfg": told}}, tmp_path / "w.pth")
    here = build_network("i3d_nl_toy", non_local_kind="dot-product", **of_theirs).eval()
    match = load_weights(here, tmp_path / "w.pth")
    assert match.filled == ("res3.1.non_local.out.bias", "res4.1.non_local.out.bias")
    clip = torch.randn(1, 3, 32, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(here.model(clip), network.model(clip))


def test_refuses_weights_that_halve_time_elsewhere(tmp_path):
    theirs = foreign.renamed(build_network("i3d_toy").model.state_dict(), foreign.mmaction2)
    torch.save({"state_dict": theirs}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="conv1 and pool1 that halve time, as i3d_r50_32x2"):
        load_network("i3d_toy", weights=tmp_path / "w.pth")
    told = {"cfg": "dict(conv1_stride_t=1, pool1_stride_t=1)"}
    torch.save({"state_dict": theirs, "meta": told}, tmp_path / "w.pth")
    assert load_network("i3d_toy", weights=tmp_path / "w.pth").options["pools"] == "mmaction2"


def of_segments(name, *, shifted):
    """What TSN and TSM call the weights of torchvision's ResNets."""
    if name.startswith("fc."):
        return f"module.new_{name}"
    if shifted and ".conv1." in name:
        name = name.replace(".conv1.", ".conv1.net.")
    return f"module.base_model.{name}"


@pytest.fixture
def pictures():
    torch.manual_seed(0)
    model = resnet18(num_classes=4).eval()
    for each in model.modules():
        if isinstance(each, nn.BatchNorm2d):
            each.running_mean.uniform_(-1, 1)
            each.running_var.uniform_(0.5, 2)
    return model


@pytest.mark.slow
@torch.no_grad()
def test_a_network_of_temporal_segments_answers_as_its_pictures_do_on_average(tmp_path, pictures):
    theirs = {of_segments(n, shifted=False): each for n, each in pictures.state_dict().items()}
    trained_as = {"epoch": 3, "arch": "resnet18", "state_dict": theirs, "best_prec1": 50.0}
    torch.save(trained_as, tmp_path / "w.pth.tar")
    loaded, match = open_weights("frames_resnet18", tmp_path / "w.pth.tar", labels=4)
    assert match.complete
    clip = torch.randn(2, 3, 3, 64, 96)
    each = [pictures(clip[:, :, time]) for time in range(3)]
    torch.testing.assert_close(loaded.model(clip), torch.stack(each).mean(dim=0))


@pytest.mark.slow
@torch.no_grad()
def test_weights_trained_with_a_temporal_shift_are_loaded_with_one_or_refused(tmp_path, pictures):
    theirs = {of_segments(n, shifted=True): each for n, each in pictures.state_dict().items()}
    torch.save({"arch": "resnet18", "state_dict": theirs}, tmp_path / "w.pth.tar")
    with torch.device("meta"):
        can_shift = "shift" in build_network("frames_resnet18").options
    if not can_shift:
        with pytest.raises(WeightsError, match="expected: a network with shift"):
            load_network("frames_resnet18", weights=tmp_path / "w.pth.tar", labels=4)
        loaded, match = open_weights(
            "frames_resnet18", tmp_path / "w.pth.tar", labels=4, partial=True
        )
        assert match.complete
        return
    loaded, match = open_weights("frames_resnet18", tmp_path / "w.pth.tar", labels=4)
    assert match.complete
    clip = torch.randn(2, 3, loaded.expects.frames, 64, 64)
    shown = clip[:, :, 4::8].transpose(1, 2)  # the middle of each of eight segments
    add_shift(pictures, segments=8)
    each = pictures(shown.flatten(0, 1)).unflatten(0, (2, 8))
    torch.testing.assert_close(loaded.model(clip), each.mean(dim=1))


@pytest.mark.slow
@torch.no_grad()
def test_pictures_of_torchvision_are_loaded_bare(tmp_path, pictures):
    torch.save(pictures.state_dict(), tmp_path / "w.pth")
    loaded = load_network("frames_resnet18", weights=tmp_path / "w.pth", labels=4)
    frame = torch.randn(1, 3, 1, 64, 64)
    torch.testing.assert_close(loaded.model(frame), pictures(frame[:, :, 0]))


def test_the_colours_of_training_are_shown(tmp_path):
    network = trained("slow_toy")
    theirs = foreign.renamed(network.model.state_dict(), foreign.mmaction2)
    torch.save({"state_dict": theirs}, tmp_path / "w.pth")
    loaded, match = open_weights("slow_toy", tmp_path / "w.pth")
    assert loaded.expects.mean == (0.485, 0.456, 0.406)
    assert any("mean (0.485, 0.456, 0.406)" in note for note in match.notes)
    told = "img_norm_cfg = dict(mean=[127.5, 127.5, 127.5], std=[51.0, 51.0, 51.0], to_bgr=False)"
    torch.save({"state_dict": theirs, "meta": {"cfg": told}}, tmp_path / "w.pth")
    loaded, _ = open_weights("slow_toy", tmp_path / "w.pth")
    assert loaded.expects.mean == (0.5, 0.5, 0.5)
    assert loaded.expects.std == (0.2, 0.2, 0.2)
    match = load_weights(build_network("slow_toy"), tmp_path / "w.pth")
    assert "which this network is not" in match.report()


@pytest.mark.parametrize("name", ["slow_toy", "slowfast_toy"])
def test_blue_before_red_is_turned_round(tmp_path, name):
    network = trained(name, **({"slow_frames": "spread"} if name == "slowfast_toy" else {}))
    theirs = foreign.renamed(network.model.state_dict(), foreign.pyslowfast)
    settings = "DATA:\n  REVERSE_INPUT_CHANNEL: true\n  MEAN:\n  - 0.45\n  - 0.45\n  - 0.45\n"
    torch.save({"model_state": theirs, "cfg": settings}, tmp_path / "w.pyth")
    loaded, match = open_weights(name, tmp_path / "w.pyth")
    assert any("blue before red" in note for note in match.notes)
    clip = torch.randn(1, 3, network.expects.frames, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(loaded.model(clip), network.model(clip.flip(1)))


def test_a_network_saved_from_a_checkpoint_is_the_same_again(tmp_path):
    network = trained("slowfast_toy", slow_frames="spread")
    saved(tmp_path / "w", network.model.state_dict(), foreign.pyslowfast)
    loaded = load_network("slowfast_toy", weights=tmp_path / "w")
    save_network(loaded, tmp_path / "w.safetensors")
    again = load_network(tmp_path / "w.safetensors")
    assert again.options["slow_frames"] == "spread"
    assert again.weights_hash == loaded.weights_hash


def test_scales_and_shifts_of_caffe2_answer_as_they_did(tmp_path):
    network = trained("i3d_toy")
    for each in network.modules():
        if isinstance(each, nn.BatchNorm3d):
            each.running_mean.zero_()
            each.running_var.fill_(1 - each.eps)
    blobs = foreign.renamed(network.model.state_dict(), foreign.caffe2)
    affine = {n: each.numpy() for n, each in blobs.items() if not n.endswith(("_rm", "_riv"))}
    (tmp_path / "w.pkl").write_bytes(pickle.dumps({"blobs": affine}, 2))
    loaded, match = open_weights("i3d_toy", tmp_path / "w.pkl")
    assert "set to what changes nothing" in str(match)
    clip = torch.randn(1, 3, 8, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(loaded.model(clip), network.model(clip))


def test_refuses_a_checkpoint_of_another_depth_and_says_which(tmp_path):
    deep = build_network("c2d_toy", blocks=(1, 2, 4, 1))
    saved(tmp_path / "w", deep.model.state_dict(), foreign.pyslowfast)
    with pytest.raises(WeightsError) as refusal:
        load_network("c2d_toy", weights=tmp_path / "w")
    assert "its depth is 26, that of the network is 20" in str(refusal.value)


def test_refuses_weights_that_are_no_numbers_and_names_them(tmp_path):
    network = build_network("c3d_toy")
    network.model.fc7.conv.weight.data[0] = torch.nan
    network.model.conv1a.conv.bias.data[0] = torch.inf
    torch.save(network.model.state_dict(), tmp_path / "w.pth")
    save_network(network, tmp_path / "w.safetensors")
    for name in ("w.pth", "w.safetensors"):
        with pytest.raises(WeightsError, match=r"in conv1a\.conv\.bias, fc7\.conv\.weight"):
            load_network("c3d_toy", weights=tmp_path / name)
        loaded = load_network("c3d_toy", weights=tmp_path / name, allow_nan=True)
        assert loaded.model.fc7.conv.weight.isnan().any()
    with pytest.raises(WeightsError, match="no numbers"):
        load_weights(build_network("c3d_toy"), tmp_path / "w.pth")


def test_part_of_a_network_is_loaded_where_that_is_asked_for(tmp_path):
    network = build_network("c3d_toy")
    state = dict(network.model.state_dict())
    state.pop("fc7.conv.weight")
    torch.save({**state, "more": torch.ones(1)}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"missing: fc7\.conv\.weight; not in the network: more"):
        load_network("c3d_toy", weights=tmp_path / "w.pth")
    loaded, match = open_weights("c3d_toy", tmp_path / "w.pth", partial=True)
    assert match.missing == ("fc7.conv.weight",)
    assert torch.equal(loaded.model.conv1a.conv.weight, network.model.conv1a.conv.weight)
    assert loaded.model.fc7.conv.weight.std() > 0
    other = build_network("c3d_toy")
    assert load_weights(other, tmp_path / "w.pth", partial=True).unexpected == ("more",)
    torch.save({"other": torch.ones(1)}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="0 of 22"):
        load_network("c3d_toy", weights=tmp_path / "w.pth", partial=True)


@pytest.mark.parametrize("name", ["file:mine.py:build", "hf:MCG-NJU/videomae-base"])
def test_a_file_never_runs_or_fetches_what_it_names(tmp_path, name):
    (tmp_path / "mine.py").write_text("raise SystemExit('run')")
    network = build_network("c3d_toy")
    network.name = name
    save_network(network, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError) as refusal:
        load_network(tmp_path / "w.safetensors")
    assert f'load_network("{name}", weights=' in str(refusal.value)


def test_published_is_a_word_where_a_library_has_released_weights():
    with pytest.raises(WeightsError, match="no weights of c3d_toy that a library has released"):
        load_network("c3d_toy", weights="published")
    with pytest.raises(WeightsError, match="kinetoscope download torchvision:r3d_18"):
        load_network("torchvision:r3d_18", weights="published")
    with pytest.raises(UnknownNameError, match="KINETICS400_V1"):
        load_network("torchvision:r3d_18", weights="KINETICS400_V9")


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("two_stream_smal", UnknownNameError, "near: .*two_stream_small"),
        ("missing.safetensors", WeightsError, "no such file"),
        ("some/folder", WeightsError, "no such file"),
    ],
)
def test_refuses_what_can_not_be_opened(name, error, message):
    with pytest.raises(error, match=message):
        load_network(name)


@pytest.mark.parametrize(
    ("about", "message"),
    [
        (None, "does not say how to build"),
        ("not json", "can't be read"),
        ('{"format": 99, "kinetoscope": "9.0"}', "format 99 of version 9.0"),
        ('{"format": 1, "name": "c3d_toy"}', "does not say how to build"),
    ],
    ids=["of somebody else", "not json", "of a later version", "incomplete"],
)
def test_refuses_files_that_do_not_say_their_network(tmp_path, about, message):
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.ones(1)}, path, metadata=about and {"kinetoscope": about})
    with pytest.raises(WeightsError, match=message):
        load_network(path)


def test_refuses_to_leave_a_layer_that_is_not_there(tmp_path):
    network = build_network("c3d_toy")
    save_network(network, tmp_path / "w.safetensors")
    with pytest.raises(UnknownNameError, match="near: label"):
        load_weights(network, tmp_path / "w.safetensors", without=["labels"])


def test_non_local_blocks_that_were_added_come_back(tmp_path):
    network = build_network("c3d_toy").eval()
    added = add_non_local(network, ["conv3b"], kind="dot-product")
    added = add_non_local(added, ["conv5a"], subsample="after")
    save_network(added, tmp_path / "w.safetensors")
    loaded = load_network(tmp_path / "w.safetensors")
    assert (loaded.layers, loaded.weights_hash) == (added.layers, added.weights_hash)
    assert loaded.model.conv3b.non_local.pairwise.__class__.__name__ == "DotProductPairs"
