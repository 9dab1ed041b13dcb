import torch

from kinetoscope.evidence.evidence import Provenance
from kinetoscope.evidence.stimuli.stimulus import Stimulus, write_stimuli
from kinetoscope.evidence.velocity import Velocity
from kinetoscope.report.shelf import Shelf
from kinetoscope.report.stimuli import SHOWN_STEPS, stimuli_folder, stimuli_part
from kinetoscope.units.objective import activation
from kinetoscope.units.unit import Unit

UNIT = Unit("fusion", 3)


def written(tmp_path, *, steps=200):
    def made(slowness):
        flow = torch.zeros(2, 4, 10, 10)
        flow[0] = 3.0 if slowness == 0 else 1.0
        return Stimulus(
            objective=activation(UNIT),
            slowness=slowness,
            frames=torch.full((3, 4, 10, 10), 0.5),
            flow=flow,
            activation=2.0,
            mean_activation=1.0,
            best_real=1.0,
            frames_velocity=Velocity(0.0, 0.0),
            flow_velocity=Velocity(1.0, 0.0),
            history={
                "objective": [float(step) for step in range(steps)],
                "flat": [0.0] * steps,
            },
        )

    folder = tmp_path / "evidence" / "stimuli" / UNIT.file_name
    write_stimuli(folder, [made(0.0), made(10.0)], Provenance(network="n", weights_hash="h"))
    return folder


def test_stimuli_come_slowest_first_with_one_scale_of_motion(tmp_path):
    part = stimuli_part(written(tmp_path), Shelf(tmp_path), streams=("frames", "flow"))
    assert [each["slowness"] for each in part["stimuli"]] == [10.0, 0.0]
    assert part["full_colour"] == 3.0
    assert part["best_real"] == 1.0
    assert part["stimuli"][0]["ratio"] == 2.0
    assert part["stimuli"][0]["flow_motion"] == {"right": 1.0, "down": 0.0}


def test_pictures_of_few_pixels_are_enlarged(tmp_path):
    part = stimuli_part(written(tmp_path), Shelf(tmp_path), streams=("frames",))
    track = part["stimuli"][0]["frames"]
    assert (track["count"], track["height"], track["width"]) == (4, 70, 70)
    assert part["stimuli"][0]["flow"] is None
    assert part["full_colour"] is None


def test_a_long_history_is_thinned_and_keeps_its_ends(tmp_path):
    part = stimuli_part(written(tmp_path), Shelf(tmp_path), streams=("flow",))
    history = part["stimuli"][0]["history"]
    assert set(history) == {"step", "objective"}
    assert len(history["step"]) == SHOWN_STEPS
    assert history["objective"][0] == 0
    assert history["objective"][-1] == 199


def test_a_unit_without_stimuli_has_no_folder(tmp_path):
    written(tmp_path)
    assert stimuli_folder(tmp_path, UNIT) is not None
    assert stimuli_folder(tmp_path, Unit("fusion", 4)) is None
