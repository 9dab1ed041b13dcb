import hashlib

import pytest
import torch
from torchvision.models.video import R3D_18_Weights, r3d_18

from kinetoscope.errors import UnknownNameError, WeightsError
from kinetoscope.networks.others.adapters import released, variant
from kinetoscope.networks.others.downloads import download_weights
from kinetoscope.networks.others.released import find_released, released_weights
from kinetoscope.networks.weights import load_network


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of torch."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return tmp_path / "hub" / "checkpoints"


@pytest.fixture
def planted(cache, monkeypatch):
    """A file in torchvision's format, of another content, under the name that it then has."""
    torch.manual_seed(0)
    model = r3d_18(num_classes=400)
    cache.mkdir(parents=True)
    torch.save(model.state_dict(), cache / "new.pth")
    start = hashlib.sha256((cache / "new.pth").read_bytes()).hexdigest()[:8]
    (cache / "new.pth").rename(cache / f"r3d_18-{start}.pth")
    url = f"file://{cache}/elsewhere/r3d_18-{start}.pth"
    monkeypatch.setattr(R3D_18_Weights.KINETICS400_V1.value, "url", url)
    return model


def test_a_release_has_its_file_and_its_labels():
    found = find_released("r3d_18")
    assert found == find_released("r3d_18", "KINETICS400_V1")
    assert found.path.name == "r3d_18-b3b3357e.pth"
    assert found.hash_start == "b3b3357e"
    assert len(found.labels) == 400
    assert found.labels[:2] == ("abseiling", "air drumming")


def test_several_weights_of_one_network_are_told_apart():
    assert list(released_weights("swin3d_b")) == ["KINETICS400_V1", "KINETICS400_IMAGENET22K_V1"]
    assert find_released("swin3d_b", "KINETICS400_IMAGENET22K_V1").hash_start == "7c6ae6fa"


@pytest.mark.slow
def test_a_file_in_torchs_cache_is_found(planted):
    file = released("r3d_18").file()
    found = torch.load(file, weights_only=True)
    assert found.keys() == planted.state_dict().keys()
    assert download_weights("torchvision:r3d_18") == file


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["published", "KINETICS400_V1"])
def test_a_network_is_loaded_by_the_name_of_its_weights(planted, weights):
    network = load_network("torchvision:r3d_18", weights=weights)
    clip = torch.rand(1, 3, 8, 48, 64)  # not square
    with torch.no_grad():
        expected = planted.eval()(clip)
        torch.testing.assert_close(network.model(clip), expected, rtol=1e-4, atol=1e-4)
    assert network.labels[:2] == ("abseiling", "air drumming")
    assert load_network("r3d_18", weights=weights).labels == network.labels
    assert load_network("torchvision:r3d_18").labels[0] == "label 0"  # untrained, it knows none


@pytest.mark.slow
def test_what_is_not_here_is_fetched_into_torchs_cache(planted, tmp_path):
    file = released("r3d_18").path
    (file.parent / "elsewhere").mkdir()
    file.rename(file.parent / "elsewhere" / file.name)
    assert download_weights("torchvision:r3d_18") == file
    assert released("r3d_18").file() == file


def test_refuses_weights_that_are_not_here_and_says_how_to_get_them(cache):
    with pytest.raises(WeightsError, match="hint:     kinetoscope download torchvision:r3d_18"):
        find_released("r3d_18").file()


def test_refuses_a_file_that_broke_off(cache):
    found = find_released("r3d_18")
    cache.mkdir(parents=True)
    found.path.write_bytes(b"the start of it")
    with pytest.raises(WeightsError, match="starts with b3b3357e"):
        found.file()


@pytest.mark.parametrize("content", [None, b"a page of errors"], ids=["absent", "another file"])
def test_refuses_what_can_not_be_fetched(cache, monkeypatch, tmp_path, content):
    source = tmp_path / "r3d_18-b3b3357e.pth"
    if content:
        source.write_bytes(content)
    monkeypatch.setattr(R3D_18_Weights.KINETICS400_V1.value, "url", f"file://{source}")
    with pytest.raises(WeightsError, match="can't be fetched"):
        download_weights("torchvision:r3d_18")
    assert not list(cache.glob("*"))


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: variant("r3d_17"), "near: .*r3d_18"),
        (lambda: find_released("r3d_18", "KINETICS400_V2"), "near: KINETICS400_V1"),
        (lambda: download_weights("c3d"), "no weights of c3d are published"),
        (lambda: download_weights("torchvision:c3d"), "no video network of torchvision"),
    ],
    ids=["network", "weights", "not published", "not torchvision's"],
)
def test_refuses_names_that_are_not_there(ask, message):
    with pytest.raises(UnknownNameError, match=message):
        ask()
