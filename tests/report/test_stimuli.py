import torch
from PIL import Image

from kinetoscope.evidence.evidence import Provenance
from kinetoscope.evidence.motion.velocity import Velocity
from kinetoscope.evidence.stimuli.stimulus import Measures, Stimulus, write_stimuli
from kinetoscope.report.shelf import Shelf
from kinetoscope.report.stimuli import SHOWN_STEPS, in_brief, stimuli_part
from kinetoscope.units.objective import activation, neuron
from kinetoscope.units.unit import Unit

UNIT = Unit("fusion", 3)
EXTENT = (8, 20, 40)


def written(tmp_path, *, steps=200, numbers=(0,), objective=None, **rest):
    def made(slowness, number):
        flow = torch.zeros(2, 4, 10, 10)
        flow[0] = 3.0 if slowness == 0 else 1.0
        return Stimulus(
            **{
                "objective": objective or activation(UNIT),
                "slowness": slowness,
                "number": number,
                "frames": torch.full((3, 4, 10, 10), 0.5),
                "flow": flow,
                "activation": 2.0,
                "mean_activation": 1.0,
                "best_real": 1.0,
                "frames_velocity": Velocity(0.0, 0.0),
                "flow_velocity": Velocity(3.0, -4.0),
                "history": {
                    "objective": [float(step) for step in range(steps)],
                    "flat": [0.0] * steps,
                },
                **rest,
            }
        )

    folder = tmp_path / "evidence" / "stimuli" / UNIT.file_name
    stimuli = [made(slowness, number) for slowness in (0.0, 10.0) for number in numbers]
    write_stimuli(folder, stimuli, Provenance(network="n", weights_hash="h"))
    return folder


def part_of(tmp_path, *, streams=None, **changed):
    return stimuli_part(
        written(tmp_path, **changed), Shelf(tmp_path), streams=streams or {}, extent=EXTENT
    )


def test_stimuli_come_slowest_first_with_one_scale_of_motion(tmp_path):
    part = part_of(tmp_path)
    assert [each["slowness"] for each in part["stimuli"]] == [10.0, 0.0]
    assert part["full_colour"] == 3.0
    assert part["best_real"] == 1.0
    assert part["stimuli"][0]["ratio"] == 2.0
    assert part["stimuli"][0]["flow_motion"] == {"right": 3.0, "down": -4.0}


def test_pages_of_many_are_told_the_first_of_each_slowness_and_how_fast_it_is(tmp_path):
    part = part_of(tmp_path, numbers=(2, 1))
    assert [(each["slowness"], each["number"]) for each in part["stimuli"]] == [
        *((10.0, 1), (10.0, 2), (0.0, 1), (0.0, 2))
    ]
    brief = in_brief(part)
    assert [each["slowness"] for each in brief] == [10.0, 0.0]
    assert [each["speed"] for each in brief] == [5.0, 5.0]
    assert "history" not in brief[0]
    assert "measures" not in brief[0]


def test_pictures_of_few_pixels_are_enlarged(tmp_path):
    part = part_of(tmp_path, streams={"fusion": ["frames"]})
    track = part["stimuli"][0]["frames"]
    assert (track["count"], track["height"], track["width"]) == (4, 70, 70)
    assert part["stimuli"][0]["flow"] is None
    assert part["full_colour"] is None


def test_a_stream_that_is_all_there_is_stays(tmp_path):
    part = part_of(tmp_path, streams={"fusion": ["frames"]}, frames=None)
    assert part["stimuli"][0]["flow"] is not None
    assert part["stimuli"][0]["frames"] is None


def test_a_long_history_is_thinned_and_keeps_its_ends(tmp_path):
    history = part_of(tmp_path)["stimuli"][0]["history"]
    assert set(history) == {"step", "objective"}
    assert len(history["step"]) == SHOWN_STEPS
    assert history["objective"][0] == 0
    assert history["objective"][-1] == 199


def test_a_neuron_tells_where_in_the_clip_it_looks(tmp_path):
    part = part_of(tmp_path, objective=neuron(UNIT), box=((2, 6), (5, 15), (10, 20)))
    assert part["objective"] == "fusion:3@centre"
    assert part["where"] == {
        "left": 0.25,
        "width": 0.25,
        "top": 0.25,
        "height": 0.5,
        "start": 2,
        "end": 5,
        "of": 8,
        "pixels": [10, 10],
        "clip": [20, 40],
    }
    assert part_of(tmp_path / "whole")["where"] is None


def test_what_did_not_matter_is_let_through(tmp_path):
    opacity = torch.zeros(4, 10, 10)
    opacity[0, :, 5:] = 1
    track = part_of(tmp_path, opacity=opacity)["stimuli"][0]["opacity"]
    picture = Image.open(tmp_path / track["src"])
    assert picture.mode == "RGBA"
    assert picture.size == (track["columns"] * 70, 2 * 70)
    alpha = torch.frombuffer(bytearray(picture.getchannel("A").tobytes()), dtype=torch.uint8)
    alpha = alpha.reshape(140, 140)
    assert alpha[:70, :35].max() == 0
    assert alpha[:70, 35:70].min() == 255
    assert alpha[:, 70:].max() == alpha[70:].max() == 0


def test_a_path_unlike_that_of_real_clips_is_suspicious(tmp_path):
    unlike = Measures(path_similarity={"first": 0.9, "last": 0.0})
    assert part_of(tmp_path, measures=unlike)["stimuli"][0]["suspicious"]
    alike = Measures(path_similarity={"first": 0.0, "last": 0.9})
    assert not part_of(tmp_path, measures=alike)["stimuli"][0]["suspicious"]
    assert not part_of(tmp_path)["stimuli"][0]["suspicious"]
