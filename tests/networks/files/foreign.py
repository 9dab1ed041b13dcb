"""What other libraries call the weights of a residual network, written out from their own code.

From our names to theirs, so that a table from theirs to ours can be held against it.
"""

import re

NAME = re.compile(
    r"(?P<path>slow\.|fast\.|lateral\.)?(?P<layer>conv1|pool1|res\d|label)\.?(?P<block>\d+)?\.?"
    r"(block\.)?(?P<part>a|b|c|shortcut|non_local)?\.?(?P<what>conv|norm|theta|phi|g|out)\."
    r"(?P<kind>\w+)"
)


def parts(name):
    return NAME.fullmatch(name).groupdict()


def pyslowfast(name):
    path, layer, block, part, what, kind = parts(name).values()
    side = "1" if path == "fast." else "0"
    if path == "lateral.":
        stage = {"pool1": 1, "res2": 2, "res3": 3, "res4": 4}[layer]
        return f"s{stage}_fuse.{'conv_f2s' if what == 'conv' else 'bn'}.{kind}"
    if layer == "conv1":
        return f"s1.pathway{side}_stem.{'conv' if what == 'conv' else 'bn'}.{kind}"
    if layer == "label":
        return f"head.projection.{kind}"
    if part == "non_local":
        inner = "bn" if what == "norm" else f"conv_{what}"
        return f"s{layer[-1]}.pathway{side}_nonlocal{block}.{inner}.{kind}"
    inner = "branch1" if part == "shortcut" else f"branch2.{part}"
    norm = "_bn" if what == "norm" else ""
    return f"s{layer[-1]}.pathway{side}_res{block}.{inner}{norm}.{kind}"


def caffe2(name):
    """None for what caffe2 has not."""
    path, layer, block, part, what, kind = parts(name).values()
    if kind == "num_batches_tracked":
        return None
    t = "t_" if path == "fast." else ""
    short = {"weight": "w", "bias": "b"}.get(kind)
    norm = {"weight": "s", "bias": "b", "running_mean": "rm", "running_var": "riv"}[kind]
    if path == "lateral.":
        stem = {"pool1": "t_pool1", "res2": "t_res2_2", "res3": "t_res3_3", "res4": "t_res4_5"}
        begin = stem[layer] + ("" if layer == "pool1" else "_branch2c_bn") + "_subsample"
        return f"{begin}_{short}" if what == "conv" else f"{begin}_bn_{norm}"
    if layer == "conv1":
        return f"{t}conv1_{short}" if what == "conv" else f"{t}res_conv1_bn_{norm}"
    if layer == "label":
        return f"pred_{short}"
    if part == "non_local":
        begin = f"nonlocal_conv{layer[-1]}_{block}"
        return f"{begin}_bn_{norm}" if what == "norm" else f"{begin}_{what}_{short}"
    branch = "branch1" if part == "shortcut" else f"branch2{part}"
    end = f"_bn_{norm}" if what == "norm" else f"_{short}"
    return f"{t}{layer}_{block}_{branch}{end}"


def mmaction2(name):
    """None for the bias that mmaction2 leaves out."""
    path, layer, block, part, what, kind = parts(name).values()
    begin = {None: "backbone.", "slow.": "backbone.slow_path.", "lateral.": "backbone.slow_path."}
    begin = begin.get(path, "backbone.fast_path.")
    inner = "conv" if what == "conv" else "bn"
    if path == "lateral.":
        stage = "conv1" if layer == "pool1" else f"layer{int(layer[-1]) - 1}"
        return f"{begin}{stage}_lateral.{inner}.{kind}"
    if layer == "conv1":
        return f"{begin}conv1.{inner}.{kind}"
    if layer == "label":
        return f"cls_head.fc_cls.{kind}"
    begin = f"{begin}layer{int(layer[-1]) - 1}.{block}."
    if part == "non_local":
        if (what, kind) == ("out", "bias"):
            return None
        roles = {"theta": "theta.conv", "phi": "phi.0.conv", "g": "g.0.conv"}
        roles |= {"out": "conv_out.conv", "norm": "conv_out.bn"}
        return f"{begin}non_local_block.{roles[what]}.{kind}"
    block = "downsample" if part == "shortcut" else f"conv{'abc'.index(part) + 1}"
    return f"{begin}{block}.{inner}.{kind}"


def pytorchvideo(name, *, pooled=False):
    path, layer, block, part, what, kind = parts(name).values()
    both = {"slow.": "multipathway_blocks.0.", "fast.": "multipathway_blocks.1."}.get(path, "")
    if path == "lateral.":
        place = {"pool1": 0, "res2": 1, "res3": 2, "res4": 3}[layer]
        inner = "conv_fast_to_slow" if what == "conv" else "norm"
        return f"blocks.{place}.multipathway_fusion.{inner}.{kind}"
    if layer == "conv1":
        return f"blocks.0.{both}{what}.{kind}"
    if layer == "label":
        return f"blocks.{6 if pooled else 5}.proj.{kind}"
    place = int(layer[-1]) - 1 + (1 if pooled and layer != "res2" and not both else 0)
    inner = f"branch1_{what}" if part == "shortcut" else f"branch2.{what}_{part}"
    return f"blocks.{place}.{both}res_blocks.{block}.{inner}.{kind}"


def renamed(state, rename):
    """A state dict under other names, without what these do not have."""
    return {new: tensor for old, tensor in state.items() if (new := rename(old)) is not None}
