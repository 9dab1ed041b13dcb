from functools import partial

import pytest
import torch
from torch import nn

from kinetoscope.networks.files.checkpoints import Checkpoint
from kinetoscope.networks.files.dialect import fold_norms, translated
from kinetoscope.networks.files.dialects import DIALECTS, PLAIN, dialect_of
from kinetoscope.networks.files.matching import fit
from kinetoscope.networks.files.origin import origin_of
from kinetoscope.networks.zoo import build_network
from tests.networks.files import foreign

pooled = partial(foreign.pytorchvideo, pooled=True)

FOREIGN = [
    ("i3d_r50", foreign.pyslowfast, "PySlowFast", 267),
    ("c2d_r50", foreign.pyslowfast, "PySlowFast", 267),
    ("i3d_nl_r50", foreign.pyslowfast, "PySlowFast", 327),
    ("slowfast_r50_8x8", foreign.pyslowfast, "PySlowFast", 552),
    ("i3d_r50", foreign.caffe2, "caffe2", 267),
    ("i3d_nl_r50_32x2", foreign.caffe2, "caffe2", 327),
    ("slowfast_r50_4x16", foreign.caffe2, "caffe2", 552),
    ("slow_r50_8x8", foreign.pytorchvideo, "pytorchvideo", 267),
    ("i3d_r50", pooled, "pytorchvideo", 267),
    ("slowfast_r50_8x8", pooled, "pytorchvideo", 552),
    ("i3d_r50_32x2", foreign.mmaction2, "mmaction2", 267),
    ("i3d_nl_r50_32x2", foreign.mmaction2, "mmaction2", 322),
    ("slowfast_r50_8x8", foreign.mmaction2, "mmaction2", 552),
]


def without_memory(name):
    with torch.device("meta"):
        return build_network(name)


def counted(names):
    return len([name for name in names if not name.endswith("num_batches_tracked")])


def ids(cases):
    return [f"{library} {name}" for name, _, library, _ in cases]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "rename", "library", "count"), FOREIGN, ids=ids(FOREIGN))
def test_every_tensor_of_a_library_is_one_of_ours_and_no_other(name, rename, library, count):
    network = without_memory(name)
    theirs = foreign.renamed(network.model.state_dict(), rename)
    assert counted(theirs) == count
    dialect = dialect_of(theirs)
    assert dialect.name == library
    origin = origin_of(Checkpoint(tensors=theirs, kind="", container=""), network)
    _, match = origin.fit(network.model.state_dict())
    assert match.complete
    assert len(match.loaded) == count
    assert {name.rpartition(".")[2] for name in match.filled} <= {"bias"}


def test_names_of_nobody_stay_as_they_are():
    tensors = {"features.0.weight": torch.ones(1), "head.bias": torch.ones(1)}
    assert dialect_of(tensors) is PLAIN
    assert translated(tensors, PLAIN).keys() == tensors.keys()


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: f"{each.name} {len(each.marks)}")
def test_a_name_that_no_row_knows_stays_as_it_is(dialect):
    assert dialect.translate("somewhere.else") in ("somewhere.else", "somewhere.conv.else")
    assert dialect.translate("") == ""


@pytest.mark.parametrize("name", ["i3d_nl_toy", "slowfast_toy"])
def test_no_two_names_become_one(name):
    for rename in (foreign.pyslowfast, foreign.caffe2, pooled, foreign.mmaction2):
        if name == "i3d_nl_toy" and rename is pooled:
            continue  # pytorchvideo has no non-local blocks
        theirs = foreign.renamed(without_memory(name).model.state_dict(), rename)
        assert len(translated(theirs, dialect_of(theirs))) == len(theirs)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("slow_r50", "slow_r50_8x8"),
        ("i3d_r50", "i3d_r50"),
        ("c2d_r50", "c2d_r50"),
        ("slowfast_r50", "slowfast_r50_8x8"),
        ("slowfast_r101", "slowfast_r101_8x8"),
    ],
)
def test_pytorchvideos_own_names_are_known(theirs, ours):
    hub = pytest.importorskip("pytorchvideo.models.hub")
    with torch.device("meta"):
        state = getattr(hub, theirs)(pretrained=False).state_dict()
    network = without_memory(ours)
    origin = origin_of(Checkpoint(tensors=state, kind="", container=""), network)
    with torch.device("meta"):
        built = build_network(ours, **origin.options)
    _, match = origin.fit(built.model.state_dict())
    assert match.complete, str(match)


def test_a_norm_split_for_small_batches_is_folded_as_its_whole_batch_would_have_it():
    torch.manual_seed(0)
    channels, splits = 3, 4
    parts = [nn.BatchNorm3d(channels, affine=False, momentum=1.0) for _ in range(splits)]
    batch = torch.randn(8, channels, 2, 4, 4) * 3 + 1
    for norm, part in zip(parts, batch.chunk(splits), strict=True):
        norm(part)
    folded = fold_norms(
        {
            "s2.a_bn.weight": torch.ones(channels),
            "s2.a_bn.bias": torch.zeros(channels),
            "s2.a_bn.bn.running_mean": torch.zeros(channels),
            "s2.a_bn.bn.running_var": torch.ones(channels),
            "s2.a_bn.bn.num_batches_tracked": torch.tensor(0),
            "s2.a_bn.split_bn.running_mean": torch.cat([norm.running_mean for norm in parts]),
            "s2.a_bn.split_bn.running_var": torch.cat([norm.running_var for norm in parts]),
            "s2.a_bn.split_bn.num_batches_tracked": torch.tensor(1),
        }
    )
    assert set(folded) == {
        f"s2.a_bn.{kind}"
        for kind in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    }
    axes = (0, 2, 3, 4)
    torch.testing.assert_close(folded["s2.a_bn.running_mean"], batch.mean(dim=axes))
    whole, part = batch.var(dim=axes, unbiased=False), batch.numel() // channels // splits
    means = torch.stack([norm.running_mean for norm in parts])
    within = (whole - means.var(dim=0, unbiased=False)) * part / (part - 1)
    expected = within + means.var(dim=0, unbiased=False)
    torch.testing.assert_close(folded["s2.a_bn.running_var"], expected)


def test_scales_and_shifts_become_norms_that_change_nothing_else():
    model = nn.Sequential(nn.BatchNorm3d(2)).eval()
    model[0].weight.data.copy_(torch.tensor([2.0, -1.0]))
    model[0].bias.data.copy_(torch.tensor([0.5, 3.0]))
    wanted = {f"norm.{kind}": each for kind, each in model[0].state_dict().items()}
    found = {name: wanted[name] for name in ("norm.weight", "norm.bias")}
    fitted, match = fit(found, wanted, neutral=[r"norm\.running_(mean|var)$"])
    assert match.complete
    assert match.filled == ("norm.running_mean", "norm.running_var")
    model[0].load_state_dict({n.removeprefix("norm."): each for n, each in fitted.items()}, False)
    x = torch.randn(1, 2, 1, 3, 3)
    expected = x * model[0].weight[:, None, None, None] + model[0].bias[:, None, None, None]
    torch.testing.assert_close(model(x), expected)
