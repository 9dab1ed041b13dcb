import importlib
import math
import sys

import pytest
import torch
from torch import nn
from torchvision import models

from kinetoscope.errors import ClipError, MissingPackageError, UnknownNameError
from kinetoscope.networks.pictures.picture_zoo import (
    CLASSICS,
    Preparation,
    head_names,
    picture_names,
    picture_network,
    preparation,
    without_head,
)

ONE_OF_EACH = [
    *("alexnet", "vgg11", "googlenet", "inception_v3", "resnet18", "wide_resnet50_2"),
    *("resnext50_32x4d", "densenet121", "squeezenet1_0", "mobilenet_v2", "mobilenet_v3_small"),
    *("shufflenet_v2_x0_5", "mnasnet0_5", "efficientnet_b0", "regnet_y_400mf", "convnext_tiny"),
    *("vit_b_32", "swin_t", "maxvit_t", "zfnet", "nin_cifar", "lenet5_toy", "fractalnet_toy"),
]
TIMM = ["seresnet18", "legacy_seresnet18", "mixer_s32_224", "deit_tiny_distilled_patch16_224"]


def on_meta(name, **options):
    with torch.device("meta"):
        return picture_network(name, **options).eval()


def answer(module, name):
    size = preparation(name).size
    return module(torch.empty(2, 3, size, size, device="meta"))


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_a_network_answers_one_score_a_label_and_its_features_without_its_head(name):
    module = on_meta(name, labels=7)
    assert answer(module, name).shape == (2, 7)
    headless, features = without_head(module)
    assert headless is module
    assert answer(module, name).shape == (2, features)


@pytest.mark.slow
@pytest.mark.parametrize("name", TIMM)
def test_a_network_of_timm_does_too(name):
    pytest.importorskip("timm")
    test_a_network_answers_one_score_a_label_and_its_features_without_its_head(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", models.list_models(module=models))
def test_every_network_of_torchvision_does(name):
    if name in ("regnet_y_128gf", "vit_h_14"):
        pytest.skip("takes gigabytes, and differs from its family in nothing else")
    test_a_network_answers_one_score_a_label_and_its_features_without_its_head(name)


@pytest.mark.parametrize(
    ("name", "features"),
    [("alexnet", 4096), ("resnet50", 2048), ("googlenet", 1024), ("inception_v3", 2048)],
)
def test_features_are_what_the_last_layer_saw(name, features):
    assert without_head(on_meta(name))[1] == features


def test_a_head_is_what_timm_says_it_is():
    pytest.importorskip("timm")
    assert head_names(on_meta("timm:resnet50")) == ("fc",)
    assert head_names(on_meta("deit_tiny_distilled_patch16_224")) == ("head", "head_dist")


def test_nothing_is_done_in_place_by_a_module():
    for name in ("resnet18", "mobilenet_v2", "googlenet"):
        assert not any(getattr(each, "inplace", False) for each in on_meta(name).modules())


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_auxiliary_predictions_are_left_out_in_training_as_well(name):
    module = on_meta(name).train()
    assert not [path for path, _ in module.named_modules() if path.lower().startswith("aux")]
    assert isinstance(answer(module, name), torch.Tensor)


@torch.no_grad()
@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_colours_trained_elsewhere_are_shown_as_torchvision_shows_them(name):
    torch.manual_seed(0)
    builder = models.googlenet if name == "googlenet" else models.inception_v3
    theirs = builder(aux_logits=True, init_weights=False, transform_input=True).eval()
    prepare = models.get_model_weights(name).DEFAULT.transforms()
    mean, std = (torch.tensor(each)[:, None, None] for each in (prepare.mean, prepare.std))
    shown = theirs._transform_input(((picture := torch.rand(1, 3, 8, 8)) - mean) / std)
    ours = preparation(name)
    mean, std = (torch.tensor(each)[:, None, None] for each in (ours.mean, ours.std))
    torch.testing.assert_close((picture - mean) / std, shown)


@pytest.mark.parametrize(
    ("name", "size", "short_side"),
    [("resnet18", 224, 256), ("inception_v3", 299, 342), ("efficientnet_b1", 240, 255)],
)
def test_sizes_are_those_that_the_library_states(name, size, short_side):
    prepared = preparation(name)
    assert (prepared.size, prepared.short_side) == (size, short_side)


def test_sizes_of_timm_are_those_that_it_states():
    pytest.importorskip("timm")
    assert preparation("nasnetalarge") == Preparation(
        size=331, short_side=math.floor(331 / 0.911), mean=(0.5,) * 3, std=(0.5,) * 3
    )


def test_a_name_that_both_libraries_have_means_torchvisions():
    assert type(on_meta("resnet18")) is models.ResNet
    timm = pytest.importorskip("timm")
    assert type(on_meta("timm:resnet18")) is timm.models.ResNet


@pytest.mark.parametrize("name", CLASSICS)
def test_a_network_of_the_course_is_a_variant_of_its_file(name):
    family = importlib.import_module(f"kinetoscope.networks.pictures.{CLASSICS[name]}")
    assert on_meta(name).__class__.__module__ == family.__name__
    assert preparation(name).labels == family.VARIANTS[name].labels
    assert set(family.VARIANTS) == set(family.PREPARATION)


def test_names_are_the_courses_torchvisions_and_timms():
    without_timm = picture_names(timm=False)
    assert without_timm[: len(CLASSICS)] == tuple(CLASSICS)
    assert "resnet50" in without_timm
    assert "seresnet50" not in without_timm
    pytest.importorskip("timm")
    assert "seresnet50" in picture_names()
    assert len(set(picture_names())) == len(picture_names()) > 1000


def test_refuses_a_name_that_is_not_there():
    with pytest.raises(
        UnknownNameError, match=r"no network for pictures is called resnet51[\s\S]*near"
    ):
        picture_network("resnet51")


def test_refuses_a_name_of_timm_where_it_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)  # as if it were not there
    with pytest.raises(MissingPackageError, match=r"kinetoscope\[timm\]"):
        picture_network("tf_mixnet_xl_special")


def test_refuses_a_module_without_a_layer_of_scores():
    with pytest.raises(ClipError, match="no layer that scores labels"):
        head_names(nn.Sequential(nn.ReLU()))
