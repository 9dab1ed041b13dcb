"""Under which names do others save the weights that Kinetoscope has under its own?

One literal table for each library. A row says what they call a layer and what it is called here;
words in braces stand for what differs from layer to layer, such as the number of a block. Where a
library counts or spells otherwise, `words` says how. What no row knows keeps its name.

Source: the libraries' own code (PySlowFast `c2_model_loading.py`, `resnet_helper.py`; pytorchvideo
`models/resnet.py`, `slowfast.py`; mmaction2 `resnet3d.py`, `resnet3d_slowfast.py`;
temporal-shift-module `ops/models.py`; video-nonlocal-net `resnet_helper.py`; twostreamfusion
`cnn_ucf101_fusion.m`), compared with names that these libraries give their weights.
"""

from collections.abc import Iterable
from dataclasses import replace

from kinetoscope.networks.files.dialect import Colours, Dialect

HALF = Colours(mean=(0.45, 0.45, 0.45), std=(0.225, 0.225, 0.225))
IMAGENET = Colours(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))

ONE, BOTH = {"0": ""}, {"0": "slow.", "1": "fast."}
"""Pathways: alone, or of SlowFast."""

BLOCK = "{path}res{stage}.{block}."

PYSLOWFAST = Dialect(
    name="PySlowFast",
    marks=(r"^s1\.pathway0_stem\.", r"^s5\.pathway0_res0\."),
    rows={
        "s1.pathway{path}_stem.conv.{kept}": "{path}conv1.conv.{kept}",
        "s1.pathway{path}_stem.bn.{kept}": "{path}conv1.norm.{kept}",
        "s{stage}.pathway{path}_res{block}.branch1.{kept}": BLOCK + "shortcut.conv.{kept}",
        "s{stage}.pathway{path}_res{block}.branch1_bn.{kept}": BLOCK + "shortcut.norm.{kept}",
        "s{stage}.pathway{path}_res{block}.branch2.{letter}.{kept}": BLOCK + "{letter}.conv.{kept}",
        "s{stage}.pathway{path}_res{block}.branch2.{letter}_bn.{kept}": (
            BLOCK + "{letter}.norm.{kept}"
        ),
        "s{stage}.pathway{path}_nonlocal{block}.conv_{role}.{kept}": (
            BLOCK + "non_local.{role}.{kept}"
        ),
        "s{stage}.pathway{path}_nonlocal{block}.bn.{kept}": BLOCK + "non_local.norm.{kept}",
        "s{fused}_fuse.conv_f2s.{kept}": "lateral.{fused}.conv.{kept}",
        "s{fused}_fuse.bn.{kept}": "lateral.{fused}.norm.{kept}",
        "head.projection.{kept}": "label.conv.{kept}",
    },
    words={"path": ONE, "fused": {"1": "pool1", "2": "res2", "3": "res3", "4": "res4"}},
    colours=HALF,
)

PYSLOWFAST_BOTH = replace(
    PYSLOWFAST,
    marks=(*PYSLOWFAST.marks, r"^s1\.pathway1_stem\."),
    words={**PYSLOWFAST.words, "path": BOTH},
    options={"slow_frames": "spread"},
)

CAFFE2 = Dialect(
    name="caffe2",
    marks=(r"^conv1_w$", r"^res_conv1_bn_s$", r"^res5_0_branch2a_w$"),
    rows={
        "{path}conv1_{blob}": "{path}conv1.conv.{blob}",
        "{path}res_conv1_bn_{norm}": "{path}conv1.norm.{norm}",
        "{path}res{stage}_{block}_branch1_{blob}": BLOCK + "shortcut.conv.{blob}",
        "{path}res{stage}_{block}_branch1_bn_{norm}": BLOCK + "shortcut.norm.{norm}",
        "{path}res{stage}_{block}_branch2{letter}_{blob}": BLOCK + "{letter}.conv.{blob}",
        "{path}res{stage}_{block}_branch2{letter}_bn_{norm}": BLOCK + "{letter}.norm.{norm}",
        "{path}nonlocal_conv{stage}_{block}_{role}_{blob}": BLOCK + "non_local.{role}.{blob}",
        "{path}nonlocal_conv{stage}_{block}_bn_{norm}": BLOCK + "non_local.norm.{norm}",
        "t_pool1_subsample_{blob}": "lateral.pool1.conv.{blob}",
        "t_pool1_subsample_bn_{norm}": "lateral.pool1.norm.{norm}",
        "t_res{stage}_{block}_branch2c_bn_subsample_{blob}": "lateral.res{stage}.conv.{blob}",
        "t_res{stage}_{block}_branch2c_bn_subsample_bn_{norm}": "lateral.res{stage}.norm.{norm}",
        "pred_{blob}": "label.conv.{blob}",
    },
    words={
        "path": {"": ""},
        "blob": {"w": "weight", "b": "bias"},
        # the scale and shift, and the running mean and (in spite of its name) variance
        "norm": {"s": "weight", "b": "bias", "rm": "running_mean", "riv": "running_var"},
    },
    neutral=(r"norm\.running_(mean|var)$",),  # where norms were made scales and shifts (USE_AFFINE)
    colours=HALF,
)

CAFFE2_BOTH = replace(
    CAFFE2,
    marks=(*CAFFE2.marks, r"^t_conv1_w$"),
    words={**CAFFE2.words, "path": {"": "slow.", "t_": "fast."}},
    options={"slow_frames": "spread"},
)

_IN_BLOCK = {
    "branch1_conv.{kept}": "shortcut.conv.{kept}",
    "branch1_norm.{kept}": "shortcut.norm.{kept}",
    "branch2.conv_{letter}.{kept}": "{letter}.conv.{kept}",
    "branch2.norm_{letter}.{kept}": "{letter}.norm.{kept}",
}

PYTORCHVIDEO_SLOW = Dialect(
    name="pytorchvideo",
    marks=(r"^blocks\.0\.conv\.", r"^blocks\.1\.res_blocks\.0\.", r"^blocks\.5\.proj\."),
    rows={
        "blocks.0.conv.{kept}": "conv1.conv.{kept}",
        "blocks.0.norm.{kept}": "conv1.norm.{kept}",
        **{
            "blocks.{counted}.res_blocks.{block}." + theirs: "res{counted}.{block}." + ours
            for theirs, ours in _IN_BLOCK.items()
        },
        "blocks.{head}.proj.{kept}": "label.conv.{kept}",
    },
    words={"counted": {"1": "2", "2": "3", "3": "4", "4": "5"}, "head": {"5": ""}},
    colours=HALF,
)

PYTORCHVIDEO_POOLED = replace(  # C2D and I3D, which have a pool as blocks.2
    PYTORCHVIDEO_SLOW,
    marks=(r"^blocks\.0\.conv\.", r"^blocks\.1\.res_blocks\.0\.", r"^blocks\.6\.proj\."),
    words={"counted": {"1": "2", "3": "3", "4": "4", "5": "5"}, "head": {"6": ""}},
)

PYTORCHVIDEO_BOTH = replace(
    PYTORCHVIDEO_SLOW,
    marks=(r"^blocks\.0\.multipathway_blocks\.1\.", r"^blocks\.6\.proj\."),
    rows={
        "blocks.0.multipathway_blocks.{path}.conv.{kept}": "{path}conv1.conv.{kept}",
        "blocks.0.multipathway_blocks.{path}.norm.{kept}": "{path}conv1.norm.{kept}",
        **{
            "blocks.{counted}.multipathway_blocks.{path}.res_blocks.{block}." + theirs: (
                "{path}res{counted}.{block}." + ours
            )
            for theirs, ours in _IN_BLOCK.items()
        },
        "blocks.{fused}.multipathway_fusion.conv_fast_to_slow.{kept}": (
            "lateral.{fused}.conv.{kept}"
        ),
        "blocks.{fused}.multipathway_fusion.norm.{kept}": "lateral.{fused}.norm.{kept}",
        "blocks.{head}.proj.{kept}": "label.conv.{kept}",
    },
    words={
        **PYTORCHVIDEO_SLOW.words,
        "path": BOTH,
        "fused": {"0": "pool1", "1": "res2", "2": "res3", "3": "res4"},
        "head": {"6": ""},
    },
    options={"slow_frames": "spread"},
)

_MMACTION2 = {
    "{path}conv1.conv.{kept}": "{path}conv1.conv.{kept}",
    "{path}conv1.bn.{kept}": "{path}conv1.norm.{kept}",
    "{path}layer{counted}.{block}.downsample.conv.{kept}": (
        "{path}res{counted}.{block}.shortcut.conv.{kept}"
    ),
    "{path}layer{counted}.{block}.downsample.bn.{kept}": (
        "{path}res{counted}.{block}.shortcut.norm.{kept}"
    ),
    "{path}layer{counted}.{block}.conv{third}.conv.{kept}": (
        "{path}res{counted}.{block}.{third}.conv.{kept}"
    ),
    "{path}layer{counted}.{block}.conv{third}.bn.{kept}": (
        "{path}res{counted}.{block}.{third}.norm.{kept}"
    ),
    # g and phi are followed by their pool, and then count as g.0 and phi.0
    "{path}layer{counted}.{block}.non_local_block.{mixed}.conv.{kept}": (
        "{path}res{counted}.{block}.non_local.{mixed}.{kept}"
    ),
    "{path}layer{counted}.{block}.non_local_block.conv_out.bn.{kept}": (
        "{path}res{counted}.{block}.non_local.norm.{kept}"
    ),
    "{path}conv1_lateral.conv.{kept}": "lateral.pool1.conv.{kept}",
    "{path}conv1_lateral.bn.{kept}": "lateral.pool1.norm.{kept}",
    "{path}layer{counted}_lateral.conv.{kept}": "lateral.res{counted}.conv.{kept}",
    "{path}layer{counted}_lateral.bn.{kept}": "lateral.res{counted}.norm.{kept}",
    "cls_head.fc_cls.{kept}": "label.conv.{kept}",
}

MMACTION2 = Dialect(
    name="mmaction2",
    marks=(r"^backbone\.conv1\.conv\.weight", r"^backbone\.layer4\.0\.conv1\.conv\.", r"^cls_head"),
    rows=_MMACTION2,
    words={
        "path": {"backbone.": ""},
        "counted": {"1": "2", "2": "3", "3": "4", "4": "5"},
        "third": {"1": "a", "2": "b", "3": "c"},
        "mixed": {
            "theta": "theta",
            "phi": "phi",
            "phi.0": "phi",
            "g": "g",
            "g.0": "g",
            "conv_out": "out",
        },
    },
    neutral=(r"non_local\.out\.bias$",),
    colours=IMAGENET,
    options={"pools": "mmaction2", "non_local_subsample": "after", "slow_frames": "every"},
)

MMACTION2_BOTH = replace(
    MMACTION2,
    marks=(r"^backbone\.slow_path\.conv1\.conv\.", r"^backbone\.fast_path\.conv1\.conv\."),
    words={
        **MMACTION2.words,
        "path": {"backbone.slow_path.": "slow.", "backbone.fast_path.": "fast."},
    },
)

MATCONVNET = Dialect(
    name="MatConvNet",
    marks=(r"^conv1_1\.weight$", r"^fc8\.weight$"),
    rows={
        "fc8.{kind}": "label.conv.{kind}",
        "{layer}.{kind}": "{layer}.conv.{kind}",
    },
)

MATCONVNET_BOTH = Dialect(  # the authors fuse into the spatial tower, whose later layers see both
    name="MatConvNet",
    marks=(r"^spatial\.conv1_1\.weight$", r"^temporal\.conv1_1\.weight$"),
    rows={
        "conv3D.{kind}": "fusion.conv.{kind}",
        "conv_fusion.{kind}": "fusion.conv.{kind}",
        "spatial.fc8.{kind}": "label.conv.{kind}",
        "spatial.{hidden}.{kind}": "{hidden}.conv.{kind}",
        "temporal.fc8.{kind}": "motion.label.conv.{kind}",
        "spatial.{layer}.{kind}": "appearance.{layer}.conv.{kind}",
        "temporal.{layer}.{kind}": "motion.{layer}.conv.{kind}",
    },
    words={"hidden": {"fc6": "fc6", "fc7": "fc7"}},
)

TSM = Dialect(
    name="TSM",
    marks=(r"^base_model\.layer1\.0\.conv1\.net\.", r"^new_fc\."),
    rows={
        "base_model.{layer}.{kept}": "{layer}.{kept}",
        "new_fc.{kept}": "fc.{kept}",
    },
    colours=IMAGENET,
    options={"shift": True, "segments": 8, "chunk": 8},
    needs=("shift",),
)

TSN = replace(
    TSM,
    name="TSN",
    marks=(r"^base_model\.layer1\.0\.conv1\.weight", r"^new_fc\."),
    options={},
    needs=(),
)

TORCHVISION = Dialect(name="torchvision", marks=(r"^stem\.0\.weight$", r"^layer4\.0\.", r"^fc\."))

VIDEOMAE = Dialect(name="VideoMAE", marks=(r"^patch_embed\.proj\.", r"^blocks\.0\.attn\.q"))

DIALECTS = (
    *(PYSLOWFAST_BOTH, PYSLOWFAST),
    *(CAFFE2_BOTH, CAFFE2),
    *(PYTORCHVIDEO_BOTH, PYTORCHVIDEO_POOLED, PYTORCHVIDEO_SLOW),
    *(MMACTION2_BOTH, MMACTION2),
    *(MATCONVNET_BOTH, MATCONVNET),
    *(TSM, TSN, TORCHVISION, VIDEOMAE),
)
"""Every dialect; the first that fits is it, so those of two pathways come before those of one."""

PLAIN = Dialect(name="a state dict")


def dialect_of(names: Iterable[str]) -> Dialect:
    """Whose names these are; `PLAIN` where they are nobody's that is known."""
    names = list(names)
    return next((each for each in DIALECTS if each.fits(names)), PLAIN)
