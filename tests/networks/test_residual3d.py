import warnings
from dataclasses import replace

import pytest
import torch

from kinetoscope.errors import ClipError, RecipeError, UnknownNameError
from kinetoscope.networks.bottlenecks import Bottleneck, Spread, pools_of
from kinetoscope.networks.cost import multiply_adds
from kinetoscope.networks.residual3d import TIME, VARIANTS, build
from kinetoscope.networks.zoo import build_network

TOYS = [name for name in VARIANTS if name.endswith("_toy")]

# weights, and billions of multiply-adds at 224 x 224 and 256 x 256; None where no table has them
PUBLISHED = {
    "c2d_r50": (24_327_632, 19.49, 25.46),
    "c2d_r50_32x2": (24_327_632, 20.44, None),
    "c2d_nl_r50_32x2": (31_686_096, 28.57, None),
    "c2d_r101_32x2": (43_319_760, 35.29, None),
    "i3d_r50": (28_043_472, 28.41, 37.10),
    "i3d_r50_32x2": (28_043_472, 33.13, None),
    "i3d_nl_r50_32x2": (35_401_936, 41.26, None),
    "i3d_nl_r50_128x1": (35_401_936, None, 281.5),
    "slow_r50_4x16": (32_454_096, 20.87, 27.26),
    "slow_r50_8x8": (32_454_096, 41.74, 54.52),
    "slowfast_r50_4x16": (34_480_216, 27.64, 36.10),
    "slowfast_r50_8x8": (34_566_488, 50.31, 65.71),
    "slowfast_r101_8x8": (53_774_808, None, 106.5),
    "slowfast_r101_16x8": (53_774_808, None, 213.0),
}

# batch norms' means and variances are counted, their counters are not
TENSORS = {
    "c2d_r50": 267,
    "i3d_r50": 267,
    "i3d_nl_r50": 327,
    "slow_r50_8x8": 267,
    "slowfast_r50_4x16": 552,
    "slowfast_r50_8x8": 552,
}


def on_meta(name, *, size=224, **options):
    with torch.device("meta"):
        return build_network(name, size=size, **options)


def random_model(name, **options):
    """A model in eval mode whose batch norms, too, are not what they are made with."""
    model = build_network(name, **options).model.eval()
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.ndim == 1:  # biases; gammas, betas, means and variances of batch norms
                tensor.uniform_(0.5, 1.5)
    return model


def hold(model, layer):
    """What a layer answers, once the model has been called."""
    held = []
    model.get_submodule(layer).register_forward_hook(lambda *call: held.append(call[2].detach()))
    return held


@pytest.mark.parametrize("name", PUBLISHED)
def test_weights_are_as_many_as_published(name):
    assert on_meta(name).weights_count == PUBLISHED[name][0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "size", "published"),
    [
        (name, size, cost)
        for name, (_, *costs) in PUBLISHED.items()
        for size, cost in zip((224, 256), costs, strict=True)
        if cost
    ],
)
def test_a_view_costs_as_much_as_published(name, size, published):
    assert multiply_adds(on_meta(name, size=size)) / 1e9 == pytest.approx(published, rel=0.001)


@pytest.mark.slow
@pytest.mark.parametrize(("beta", "published"), [(1 / 8, 36.1), (1 / 16, 30.6), (1 / 32, 28.6)])
def test_a_narrower_fast_pathway_costs_less_as_published(beta, published):
    network = on_meta("slowfast_r50_4x16", size=256, beta=beta)
    assert multiply_adds(network) / 1e9 == pytest.approx(published, rel=0.005)


def test_res4_of_101_layers_may_reach_in_time_in_every_block():
    assert on_meta("slowfast_r101_8x8", res4_over_time=23).weights_count == 62_826_968


@pytest.mark.slow
def test_inflating_3x3_kernels_is_dearer_than_1x1_as_published():
    c2d, small, large = (on_meta(f"{each}_r101_32x2") for each in ("c2d", "i3d", "i3d_3x3x3"))
    assert small.weights_count / c2d.weights_count == pytest.approx(1.2, abs=0.05)
    assert large.weights_count / c2d.weights_count == pytest.approx(1.5, abs=0.05)
    assert multiply_adds(small) / multiply_adds(c2d) == pytest.approx(1.5, abs=0.05)
    assert multiply_adds(large) / multiply_adds(c2d) == pytest.approx(1.8, abs=0.05)


@pytest.mark.parametrize("name", TENSORS)
def test_a_checkpoint_has_as_many_tensors_as_those_released(name):
    names = on_meta(name).model.state_dict()
    assert len([each for each in names if "num_batches" not in each]) == TENSORS[name]


@pytest.mark.parametrize(
    ("pools", "shapes"),
    [
        ("pyslowfast", [(8, 56, 56), (4, 56, 56)]),
        ("mmaction2", [(8, 56, 56), (4, 56, 56)]),
        ("caffe2", [(8, 55, 55), (4, 55, 55)]),
        ("paper", [(8, 56, 56), (4, 56, 56)]),
    ],
)
def test_pools_are_those_of_whoever_published_weights(pools, shapes):
    first, second = pools_of(pools, 2, 2)
    maps = torch.rand(1, 1, 16, 112, 112)
    assert [tuple(first(maps).shape[2:]), tuple(second(first(maps)).shape[2:])] == shapes
    seen = {"pyslowfast": [4, 5], "mmaction2": [4], "caffe2": [4, 5], "paper": [3, 4, 5]}[pools]
    edge = 0 if pools == "caffe2" else 1  # place (5, 5) looks around pixel (11, 11) or (10, 10)
    around = slice(10 - edge, 13 - edge)
    assert first(maps)[0, 0, 2, 5, 5] == maps[0, 0, seen, around, around].amax()


def test_lateral_convolutions_may_be_bare_as_mmaction2s():
    model = on_meta("slowfast_r50_4x16", lateral_norm=False).model
    names = [each for each in model.state_dict() if "num_batches" not in each]
    assert len(names) == TENSORS["slowfast_r50_4x16"] - 4 * 4
    assert [each for each in names if each.startswith("lateral")] == [
        f"lateral.{layer}.conv.weight" for layer in ("pool1", "res2", "res3", "res4")
    ]
    lateral = build_network("slowfast_toy", lateral_norm=False).model.get_submodule("lateral.res2")
    maps = torch.randn(1, 8, 16, 2, 2)
    torch.testing.assert_close(lateral(maps), lateral.conv(maps))


@pytest.mark.parametrize(
    ("name", "column"),
    [
        *(("c2d_r50", 0), ("i3d_r50", 0), ("c2d_r50_32x2", 1), ("i3d_r50_32x2", 1)),
        *(("i3d_3x3x3_r50_32x2", 1), ("i3d_nl_r50_32x2", 1), ("slow_r50_4x16", 2)),
    ],
)
def test_shapes_are_those_of_the_table(name, column, shapes_of, table_of):
    shapes, table = shapes_of(on_meta(name)), table_of("residual3d", column=column)
    assert shapes.pop("label") == (400, 1, 1, 1)
    assert shapes == {layer: table[layer.partition(".")[0]] for layer in shapes}


def test_shapes_of_both_pathways_are_those_of_the_table(shapes_of, table_of):
    shapes = shapes_of(on_meta("slowfast_r50_4x16"))
    slow, fast = (table_of("residual3d", column=column) for column in (2, 3))
    for layer, shape in shapes.items():
        path, _, rest = layer.partition(".")
        stage = "average" if path == "average" else rest.partition(".")[0]
        if layer.startswith("slow.") or layer == "average.slow":
            assert shape == slow[stage]
        elif layer.startswith("fast.") or layer == "average.fast":
            assert shape == (fast[stage][0] // 8, *fast[stage][1:])
        elif path == "lateral":
            assert shape == (2 * fast[stage][0] // 8, *slow[stage][1:])
    assert shapes["label"] == (400, 1, 1, 1)


@pytest.mark.parametrize("name", TOYS)
def test_a_clip_is_scored_alike_beside_others(name):
    model = random_model(name)
    clips = torch.randn(3, 3, VARIANTS[name].frames, 64, 64)
    torch.testing.assert_close(model(clips)[1:2], model(clips[1:2]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", TOYS)
def test_every_weight_is_learned(name):
    model = build_network(name).model.train()
    model(torch.randn(2, 3, VARIANTS[name].frames, 64, 64)).logsumexp(1).sum().backward()
    untouched = [path for path, weight in model.named_parameters() if weight.grad is None]
    assert not untouched


@pytest.mark.parametrize("name", TOYS)
@pytest.mark.parametrize("more", [(0, 32, 0), (8, 0, 32), (-4, -32, -32)])
def test_clips_of_other_sizes_are_scored(name, more):
    frames = max(VARIANTS[name].frames + more[0], 4)
    model = random_model(name)
    assert model(torch.randn(1, 3, frames, 64 + more[1], 64 + more[2])).shape == (1, 3)


def test_a_larger_clip_is_scored_by_the_mean_over_windows():
    model = random_model("c2d_toy")
    seen, clip = hold(model, "res5"), torch.randn(1, 3, 8, 96, 64)
    scores = model(clip)
    (maps,) = seen  # 4 x 3 x 2 places; two windows of 4 x 2 x 2 lie in them
    windows = torch.stack([maps[..., :2, :].mean((2, 3, 4)), maps[..., 1:, :].mean((2, 3, 4))])
    expected = windows.mean(0) @ model.label.conv.weight[..., 0, 0, 0].T + model.label.conv.bias
    torch.testing.assert_close(scores, expected)


@pytest.mark.parametrize(
    ("name", "size", "frames"),
    [("c2d_toy", 48, 8), ("c2d_toy", 112, 9), ("c2d_toy", 16, 8), ("slowfast_toy", 100, 12)],
)
def test_one_window_is_all_of_a_clip_as_expected(name, size, frames):
    model = random_model(name, size=size, frames=frames)
    averages = ["average.slow", "average.fast"] if name == "slowfast_toy" else ["average"]
    seen = [hold(model, layer) for layer in averages]
    model(torch.randn(1, 3, frames, max(size, 32), max(size, 32)))
    assert all(tuple(maps.shape[2:]) == (1, 1, 1) for (maps,) in seen)


@pytest.mark.parametrize(
    ("slow_frames", "seen"),
    [("every", [0, 4, 8, 12]), ("spread", [0, 5, 10, 15])],
)
def test_slow_sees_one_frame_in_alpha_of_the_clip(slow_frames, seen):
    model = random_model("slowfast_toy", slow_frames=slow_frames)
    slow, fast = hold(model, "slow.conv1"), hold(model, "fast.conv1")
    clip = torch.randn(1, 3, 16, 64, 64)
    model(clip)
    changing = []
    for frame in range(16):
        changed = clip.clone()
        changed[:, :, frame] += 1
        model(changed)
        assert not torch.equal(fast[-1], fast[0])
        if places := (slow[-1] != slow[0]).any(dim=(0, 1, 3, 4)).nonzero().flatten().tolist():
            assert places == [seen.index(frame)]
            changing.append(frame)
    assert changing == seen


@pytest.mark.parametrize(("frames", "alpha"), [(32, 8), (32, 4), (64, 4), (16, 16)])
def test_spread_frames_are_those_that_pyslowfast_packs(frames, alpha):
    clip = torch.arange(frames).float().reshape(1, 1, -1, 1, 1).expand(1, 3, -1, 1, 1)
    packed = torch.linspace(0, frames - 1, frames // alpha).long()
    assert Spread(alpha)(clip)[0, 0, :, 0, 0].tolist() == packed.tolist()


@pytest.mark.parametrize("row", ["i3d", "i3d_3x3x3"])
def test_away_from_its_ends_a_still_clip_is_seen_as_a_picture(row):
    flat, inflated = random_model("c2d_toy"), random_model("c2d_toy", pathway=row)
    weights = flat.state_dict()
    for name, there in inflated.state_dict().items():
        if there.ndim == 5:
            extent = there.shape[2]
            weights[name] = weights[name].expand_as(there) / extent
    inflated.load_state_dict(weights)
    clip = torch.randn(1, 3, 1, 64, 64).expand(-1, -1, 48, -1, -1)
    seen = [hold(model, "res5") for model in (flat, inflated)]
    flat(clip), inflated(clip)
    (as_picture,), (as_video,) = seen
    torch.testing.assert_close(as_video[:, :, 8:-8], as_picture[:, :, 8:-8], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(as_video[:, :, :1], as_picture[:, :, :1], rtol=1e-3)


@pytest.mark.parametrize("name", ["c2d_toy", "i3d_toy", "slow_toy", "fast_toy", "slowfast_toy"])
def test_blocks_start_as_their_shortcuts_where_the_paper_trains_from_scratch(name):
    recipe = {"fast_toy": "r50_32x2", "slow_toy": "r50_8x8", "slowfast_toy": "r50_8x8"}
    assert VARIANTS[name.replace("toy", recipe.get(name, "r50"))].zero_gamma
    block = next(
        each
        for each in build_network(name, zero_gamma=True).model.modules()
        if isinstance(each, Bottleneck) and isinstance(each.shortcut, torch.nn.Identity)
    )
    maps = torch.rand(1, block.a.conv.in_channels, 2, 4, 4)
    torch.testing.assert_close(block(maps), maps)


@pytest.mark.parametrize("name", ["c2d_r50_32x2", "i3d_nl_r50_32x2"])
def test_networks_that_start_from_pictures_keep_their_blocks(name):
    assert not VARIANTS[name].zero_gamma


def test_convolutions_start_so_that_gradients_keep_their_variance():
    model = build(replace(VARIANTS["slow_toy"], width=32))
    conv = model.get_submodule("res5.0.b.conv")
    fan_out = 9 * conv.out_channels
    assert conv.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.02)


@pytest.mark.slow
def test_the_table_reaches_in_time_as_the_papers_say():
    reaches = {
        row: [
            [block.a.conv.kernel_size[0] for block in model.get_submodule(stage)]
            for stage in ("res2", "res3", "res4", "res5")
        ]
        for row in TIME
        if "3x3x3" not in row
        for model in [on_meta("c2d_r50", pathway=row).model]
    }
    every_second = [[3, 3, 3], [3, 1, 3, 1], [3, 1, 3, 1, 3, 1], [1, 3, 1]]
    assert reaches["c2d"] == reaches["c2d_long"] == [[1] * 3, [1] * 4, [1] * 6, [1] * 3]
    assert reaches["i3d"] == reaches["i3d_long"] == every_second
    assert reaches["slow"] == [[1] * 3, [1] * 4, [3] * 6, [3] * 3]
    assert reaches["fast"] == [[3] * 3, [3] * 4, [3] * 6, [3] * 3]


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("i3d_toy", (1, 64, 64), "expected: 2 frames of 32 x 32 or more"),
        ("c2d_toy", (8, 16, 64), "got:      8 frames of 16 x 64"),
        ("slowfast_toy", (3, 64, 64), "expected: 4 frames of 32 x 32 or more"),
        ("slowfast_toy", (18, 64, 64), "a multiple of 4, such as 16\n.*frames=16 cuts such a clip"),
    ],
    ids=["one frame", "too small", "fewer frames than alpha", "no multiple of alpha"],
)
def test_refuses_clips_that_do_not_fit(name, shape, message):
    with pytest.raises(ClipError, match=message):
        build_network(name).model(torch.rand(1, 3, *shape))


def test_refuses_a_non_local_block_where_there_is_no_block():
    config = replace(VARIANTS["i3d_nl_toy"], non_local=("res3.1", "res4.7"))
    with pytest.raises(UnknownNameError, match=r"no block is called res4\.7"):
        build(config)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": 18}, "expected: a multiple of alpha, which is 4"),
        ({"beta": 0.1}, "a beta of 0.1, of 8 channels"),
    ],
    ids=["frames", "beta"],
)
def test_refuses_pathways_that_do_not_fit_each_other(options, message):
    with pytest.raises(RecipeError, match=message):
        build_network("slowfast_toy", **options)


def test_refuses_a_clip_of_the_second_papers_form_that_is_too_short():
    model = on_meta("i3d_r50_32x2").model
    with pytest.raises(ClipError, match="8 frames of 32 x 32 or more"):
        model(torch.rand(1, 3, 4, 224, 224, device="meta"))


# Against pytorchvideo: what its builders are told, and the stage of each of its blocks.

PLAIN = {
    "c2d": ((1, 7, 7), ((1, 1, 1),) * 4),
    "i3d": (
        (5, 7, 7),
        ((3, 1, 1), [(3, 1, 1), (1, 1, 1)], [(3, 1, 1), (1, 1, 1)], [(1, 1, 1), (3, 1, 1)]),
    ),
    "slow": ((1, 7, 7), ((1, 1, 1), (1, 1, 1), (3, 1, 1), (3, 1, 1))),
}
PARTS = {
    "res_blocks.": "",
    "branch1_conv": "shortcut.conv",
    "branch1_norm": "shortcut.norm",
    **{f"branch2.conv_{each}": f"{each}.conv" for each in "abc"},
    **{f"branch2.norm_{each}": f"{each}.norm" for each in "abc"},
    "multipathway_blocks.0": "slow",
    "multipathway_blocks.1": "fast",
    "multipathway_fusion.conv_fast_to_slow": "lateral.conv",
    "multipathway_fusion.norm": "lateral.norm",
    "proj": "conv",
}


@pytest.fixture(scope="module")
def pytorchvideo():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it was written for another torch
        pytest.importorskip("pytorchvideo.models.hub")
        return pytest.importorskip("pytorchvideo.models")


def ours(name, stages):
    """A key of theirs by our names."""
    _, number, rest = name.split(".", 2)
    for theirs, here in PARTS.items():
        rest = rest.replace(theirs, here)
    path, _, tail = rest.partition(".")
    stage = stages[int(number)]
    if path == "lateral" and stage == "conv1":
        stage = "pool1"
    if path in ("slow", "fast", "lateral"):
        return f"{path}.{stage}.{tail}"
    return f"{stage}.{rest}"


def give(model, reference, stages):
    """Give a model the reference's weights, and these batch norms that are not as new."""
    with torch.no_grad():
        for name, tensor in reference.state_dict().items():
            if tensor.ndim == 1:
                tensor.uniform_(0.5, 1.5)
            if name.endswith("norm_c.weight"):
                tensor.mul_(0.2)  # so that 33 blocks do not multiply to millions
    weights = {ours(name, stages): value for name, value in reference.state_dict().items()}
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    model.load_state_dict({name: value.reshape(shapes[name]) for name, value in weights.items()})


def plain_reference(pytorchvideo, name, width, window):
    stem, kernels = PLAIN[name]
    return pytorchvideo.create_resnet(
        stem_dim_out=width,
        stem_conv_kernel_size=stem,
        stage1_pool=None if name == "slow" else torch.nn.MaxPool3d,
        stage_conv_a_kernel_size=kernels,
        head_pool_kernel_size=window,
    ).eval()


def fast_reference(pytorchvideo, width, kernel, windows):
    return pytorchvideo.create_slowfast(
        stem_dim_outs=(width, width // 8),
        slowfast_fusion_conv_kernel_size=(kernel, 1, 1),
        head_pool_kernel_sizes=windows,
    ).eval()


def for_small_clips(reference):
    """The same with a head that averages windows of 2 x 2 places, as of clips of 64 x 64."""
    heads = [each for each in reference.modules() if isinstance(each, torch.nn.AvgPool3d)]
    assert {each.kernel_size[1:] for each in heads} == {(7, 7)}
    for head in heads:
        head.kernel_size = (head.kernel_size[0], 2, 2)
    return reference.eval()


def agrees(model, reference, clip, given=None):
    with torch.inference_mode():
        expected = reference(clip if given is None else given)
        assert expected.std() > 0.1
        torch.testing.assert_close(model(clip), expected, rtol=1e-4, atol=1e-4)


STAGES = ("conv1", "res2", "res3", "res4", "res5", "label")
POOLED = ("conv1", "res2", "pool2", "res3", "res4", "res5", "label")
BOTH = ("conv1", "res2", "res3", "res4", "res5", "average", "label")


@pytest.mark.parametrize("size", [(64, 64), (64, 96)], ids=["square", "wide"])
@pytest.mark.parametrize("name", PLAIN)
def test_narrow_networks_agree_with_pytorchvideo(pytorchvideo, name, size):
    time = 8 if name == "slow" else 4
    reference = plain_reference(pytorchvideo, name, 8, (time, 2, 2))
    model = build_network("c2d_r50", pathway=name, width=8, size=64).model.eval()
    give(model, reference, STAGES if name == "slow" else POOLED)
    agrees(model, reference, torch.randn(2, 3, 8, *size))


@pytest.mark.parametrize("slow_frames", ["every", "spread"])
@pytest.mark.parametrize("size", [(64, 64), (64, 96)], ids=["square", "wide"])
def test_narrow_slowfast_agrees_with_pytorchvideo(pytorchvideo, size, slow_frames):
    reference = fast_reference(pytorchvideo, 16, 7, ((4, 2, 2), (16, 2, 2)))
    options = {"width": 16, "size": 64, "frames": 16, "slow_frames": slow_frames}
    model = build_network("slowfast_r50_8x8", **options).model.eval()
    give(model, reference, BOTH)
    clip = torch.randn(2, 3, 16, *size)
    frames = [0, 4, 8, 12] if slow_frames == "every" else [0, 5, 10, 15]
    agrees(model, reference, clip, [clip[:, :, frames], clip])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["c2d_r50", "i3d_r50", "slow_r50"])
def test_published_networks_agree_with_pytorchvideo(pytorchvideo, name):
    reference = for_small_clips(getattr(pytorchvideo.hub, name)())
    ours = build_network(name + "_8x8" if name == "slow_r50" else name, size=64).model.eval()
    give(ours, reference, STAGES if name == "slow_r50" else POOLED)
    agrees(ours, reference, torch.randn(1, 3, 8, 64, 96))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "theirs", "options"),
    [
        ("slowfast_r50_8x8", "slowfast_r50", {}),
        ("slowfast_r101_8x8", "slowfast_r101", {"res4_over_time": 23}),
        ("slowfast_r101_16x8", "slowfast_16x8_r101_50_50", {}),
    ],
)
def test_published_slowfasts_agree_with_pytorchvideo(pytorchvideo, name, theirs, options):
    reference = for_small_clips(getattr(pytorchvideo.hub, theirs)())
    model = build_network(name, slow_frames="spread", size=64, **options).model.eval()
    give(model, reference, BOTH)
    clip = torch.randn(1, 3, VARIANTS[name].frames, 64, 96)
    packed = torch.linspace(0, clip.shape[2] - 1, clip.shape[2] // 4).long()
    agrees(model, reference, clip, [clip[:, :, packed], clip])
