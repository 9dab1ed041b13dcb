import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.clips.transforms import box_of
from kinetoscope.errors import ClipError, UnknownNameError, WeightsError
from kinetoscope.networks.others.downloads import download_weights
from kinetoscope.networks.others.hugging_face import open_network
from kinetoscope.networks.zoo import build_network
from tests.networks.others.made_classifiers import KINDS, LABELS, save

transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.slow  # the library alone takes seconds to import


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder of each kind, with the model and the processor in it."""
    folder = tmp_path_factory.mktemp("hub")
    return {kind: (folder / kind, *save(kind, folder / kind)) for kind in KINDS}


@pytest.fixture
def copied(saved, tmp_path):
    """The folder of a VideoMAE, to be changed: its weights, and a way to write others."""
    folder, _, _ = saved["videomae"]
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    mapped = load_file(tmp_path / "model.safetensors")
    weights = {name: tensor.clone() for name, tensor in mapped.items()}
    write = lambda tensors: save_file(  # noqa: E731
        tensors, tmp_path / "model.safetensors", metadata={"format": "pt"}
    )
    return tmp_path, weights, write


def pictures(height, width, *, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (4, height, width, 3), generator=generator, dtype=torch.uint8)


def scores_by_hand(model, processor, frames):
    """As the library's own examples do it."""
    given = processor([*frames.numpy()], return_tensors="pt")
    with torch.no_grad():
        return model(**given).logits


def scores(network, frames):
    box = box_of("centre", tuple(frames.shape[1:3]), network.expects.size, source="memory")
    rows, columns = box.slices
    shown = frames[:, rows, columns].movedim(3, 0).float() / 255
    with torch.no_grad():
        return network.scores(ClipBatch.of([Clip(frames=shown)]))


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_the_library(saved, kind):
    folder, model, processor = saved[kind]
    network = open_network(str(folder))
    side = network.expects.short_side
    for width in (side, side + 14):
        frames = pictures(side, width)
        expected = scores_by_hand(model, processor, frames)
        torch.testing.assert_close(scores(network, frames), expected, rtol=1e-4, atol=1e-4)
    assert expected.std() > 0.1


@pytest.mark.parametrize("kind", ["videomae", "vivit"])
def test_clips_that_are_not_square_are_taken_where_the_model_does(tmp_path, kind):
    model, processor = save(kind, tmp_path, size=(32, 48))
    network = open_network(str(tmp_path))
    assert network.expects.size == (32, 48)
    assert network.tokens.size == (2, 4, 6)
    frames = pictures(network.expects.short_side, 60)
    expected = scores_by_hand(model, processor, frames)
    torch.testing.assert_close(scores(network, frames), expected, rtol=1e-4, atol=1e-4)


def test_timesformer_takes_taller_clips_where_it_is_asked_to(saved):
    folder, model, _ = saved["timesformer"]
    spec = ClipSpec(frames=4, short_side=48, size=(48, 32))
    network = build_network(f"hf:{folder}", expects=spec)
    assert network.tokens.size == (4, 6, 4)
    clip = torch.rand(2, 3, 4, 48, 32)
    with torch.no_grad():
        expected = model(((clip - 0.45) / 0.225).movedim(1, 2)).logits
        torch.testing.assert_close(network.scores(ClipBatch(frames=clip)), expected)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("videomae", {"stride": 4, "short_side": 32, "mean": (0.4, 0.5, 0.6)}),
        ("timesformer", {"stride": 32, "short_side": 32, "std": (0.225,) * 3}),
        ("vivit", {"stride": 2, "short_side": 36, "mean": (0.75,) * 3, "std": (0.25,) * 3}),
        ("vjepa2", {"stride": 4, "short_side": 36, "mean": (0.485, 0.456, 0.406)}),
    ],
)
def test_the_preprocessing_of_the_folder_becomes_a_spec(saved, kind, expected):
    network = open_network(str(saved[kind][0]))
    spec = network.expects.to_json()
    assert {name: pytest.approx(spec[name]) for name in expected} == expected
    assert (spec["frames"], spec["size"]) == (4, (32, 32))
    assert network.labels == LABELS
    assert network.name == f"hf:{saved[kind][0]}"
    assert not network.training


def test_labels_may_be_given(saved):
    folder = str(saved["vivit"][0])
    assert open_network(folder, labels=["a", "b", "c"]).labels == ("a", "b", "c")
    assert open_network(folder, labels=3).labels == LABELS


def test_checkpoints_with_the_older_names_of_biases_keep_them(copied):
    folder, weights, _ = copied
    older = [name for name in weights if name.endswith(("q_bias", "v_bias"))]
    newer = [name for name in weights if name.endswith(("query.bias", "value.bias"))]
    assert len(older + newer) == 4
    model = open_network(str(folder)).model.model
    first = next(name for name in (*older, *newer) if ".0." in name and "q" in name[-10:])
    found = model.videomae.encoder.layer[0].attention.attention.query.bias
    torch.testing.assert_close(found, weights[first])


def test_a_whole_frame_squeezed_into_a_square_is_cut_instead(copied):
    folder, _, _ = copied
    about = json.loads((folder / "preprocessor_config.json").read_text())
    changed = {**about, "do_center_crop": False, "size": {"height": 32, "width": 32}}
    (folder / "preprocessor_config.json").write_text(json.dumps(changed))
    assert open_network(str(folder)).expects.short_side == 32


def test_neither_reports_nor_progress_are_printed(saved, capfd):
    open_network(str(saved["videomae"][0]))
    assert capfd.readouterr() == ("", "")


def test_a_folder_need_not_be_fetched(saved):
    folder = saved["videomae"][0]
    assert download_weights(f"hf:{folder}") == folder


# Refusal


@pytest.mark.parametrize("which", ["query", "value", "classifier"])
def test_refuses_weights_of_which_some_are_missing(copied, which):
    folder, weights, write = copied
    part = {"query": ("q_bias", "query.bias"), "value": ("v_bias", "value.bias")}.get(
        which, ("classifier.weight",)
    )
    write({name: each for name, each in weights.items() if not name.endswith(part)})
    with pytest.raises(WeightsError, match=f"missing: .*{which}"):
        open_network(str(folder))


def test_refuses_weights_of_which_some_are_left_over(copied):
    folder, weights, write = copied
    write({**weights, "videomae.more": torch.ones(2)})
    with pytest.raises(WeightsError, match=r"unexpected: videomae\.more"):
        open_network(str(folder))


def test_refuses_weights_of_another_shape(copied):
    folder, weights, write = copied
    write({**weights, "classifier.weight": torch.ones(5, 24)})
    with pytest.raises(WeightsError, match="can't be loaded"):
        open_network(str(folder))


def test_refuses_pickles_and_damaged_files(copied):
    folder, weights, _ = copied
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match="can't be loaded"):
        open_network(str(folder))
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    with pytest.raises(WeightsError, match="can't be loaded"):
        open_network(str(folder))


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("config.json", '{"model_type": "bert"}', UnknownNameError, "no kind of video classifier"),
        ("config.json", "{", WeightsError, "config.json can't be read"),
        ("config.json", "[]", WeightsError, "has no settings"),
        ("preprocessor_config.json", None, WeightsError, "does not say how its clips are made"),
        ("preprocessor_config.json", "{}", WeightsError, "does not say how frames are normalized"),
    ],
    ids=["another kind", "no JSON", "no table", "no preprocessing", "no mean"],
)
def test_refuses_folders_that_do_not_say_enough(copied, name, content, error, message):
    folder, _, _ = copied
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)
    with pytest.raises(error, match=message):
        open_network(str(folder))


@pytest.mark.parametrize("name", ["org/absent", "no/such/folder", "", "/no/such", "./absent"])
def test_refuses_what_is_neither_a_folder_nor_in_the_cache(tmp_path, monkeypatch, name):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match=r"is not (on this machine|there)"):
        open_network(name)


@pytest.mark.parametrize("kind", ["videomae", "vjepa2"])
def test_refuses_clips_of_a_size_that_the_model_does_not_take(saved, kind):
    spec = ClipSpec(frames=4, short_side=48, size=(32, 48))
    with pytest.raises(ClipError, match="32 x 48"):
        open_network(str(saved[kind][0]), expects=spec)


def test_refuses_labels_that_do_not_fit(saved):
    with pytest.raises(ClipError, match="got:      2 labels"):
        open_network(str(saved["vivit"][0]), labels=2)
