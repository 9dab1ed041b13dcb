import io
from collections import OrderedDict

import pytest
import torch

from kinetoscope.networks.files.pickled import DamagedError
from kinetoscope.networks.files.torch_files import Storage, StoredTensor, TorchFile, read_torch_file


def written(found, *, new=True):
    out = io.BytesIO()
    torch.save(found, out, _use_new_zipfile_serialization=new)
    return memoryview(bytearray(out.getvalue()))


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
def test_a_file_holds_containers_and_tensors_that_are_not_read_yet(new):
    file = read_torch_file(
        written({"a": [torch.ones(2, 3), 1, "b"], "o": OrderedDict(c=2)}, new=new)
    )
    stored, one, text = file.found["a"]
    assert isinstance(stored, StoredTensor)
    assert (stored.size, stored.stride, one, text) == ((2, 3), (3, 1), 1, "b")
    assert file.found["o"] == {"c": 2}
    assert torch.equal(file.tensor(stored), torch.ones(2, 3))


def test_tensors_of_one_storage_share_it():
    whole = torch.arange(12.0)
    file = read_torch_file(written({"whole": whole, "part": whole[4:8].reshape(2, 2)}))
    part, all_of_it = (file.tensor(file.found[name]) for name in ("part", "whole"))
    part[0, 0] = -1
    assert all_of_it[4] == -1


def stored(size, stride, offset=0):
    return StoredTensor(Storage("0", torch.float32, 6), offset, size, stride, torch.float32)


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (stored((7,), (1,)), "which is 7 numbers, in a storage of 6"),
        (stored((2, 2), (5, 1)), "in a storage of 6"),
        (stored((3,), (1,), 4), "in a storage of 6"),
        (stored((10**9,), (0,)), "which is 1,000,000,000 numbers"),
        (stored((2,), (-1,), 3), "of the shape"),
        (stored((-2,), (1,)), "of the shape"),
        (stored((2, 2), (1,)), "of the shape"),
        (stored((1,) * 20, (1,) * 20), "of the shape"),
    ],
)
def test_refuses_a_tensor_that_reaches_beyond_its_storage(tensor, message):
    file = TorchFile(None, {"0": memoryview(bytearray(24))})
    with pytest.raises(DamagedError, match=message):
        file.tensor(tensor)


def test_a_tensor_may_fill_its_storage_in_any_order():
    file = TorchFile(None, {"0": memoryview(bytearray(torch.arange(6.0).numpy().tobytes()))})
    assert file.tensor(stored((3, 2), (1, 3))).tolist() == [[0, 3], [1, 4], [2, 5]]
    assert file.tensor(stored((0, 5), (5, 1))).shape == (0, 5)
    assert file.tensor(stored((), (), 5)).item() == 5
