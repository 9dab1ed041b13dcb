import torch

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.networks import inception3d
from kinetoscope.networks.cost import multiply_adds
from kinetoscope.networks.zoo import build_network


def on_meta(name, **options):
    with torch.device("meta"):
        return build_network(name, **options)


def test_it_is_two_networks_of_published_size():
    network = on_meta("two_stream_i3d")
    assert network.weights_count == 12_697_264 + 12_675_312
    assert round(multiply_adds(network) / 1e9, 1) == round(111.15 + 102.34, 1)


def test_shapes_are_those_of_the_table(shapes_of, table_of):
    shapes, table = shapes_of(on_meta("two_stream_i3d")), table_of("two_stream_i3d")
    for layer in inception3d.LAYERS[:-1]:
        assert shapes[f"appearance.{layer}"] == shapes[f"motion.{layer}"] == table[layer]


@torch.no_grad()
def test_each_tower_is_the_network_of_one_stream(clips_for):
    torch.manual_seed(0)
    network = build_network("two_stream_i3d_toy").eval()
    batch = clips_for(network)
    frames = build_network("i3d_inception_toy").eval()
    flow = build_network("i3d_inception_flow_toy").eval()
    frames.model.load_state_dict(network.model.appearance.state_dict())
    flow.model.load_state_dict(network.model.motion.state_dict())
    one, other = network.branches(batch)
    torch.testing.assert_close(frames.scores(ClipBatch(frames=batch.frames)), one)
    torch.testing.assert_close(flow.scores(ClipBatch(flow=batch.flow)), other)
    torch.testing.assert_close(network(batch), (one.softmax(dim=1) + other.softmax(dim=1)) / 2)
