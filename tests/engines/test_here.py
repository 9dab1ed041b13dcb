import threading
import time

import pytest
import torch

from kinetoscope.engines.here import map_here, usable_cores


def test_answers_come_in_the_order_of_the_items():
    def work(number):
        time.sleep(0.002 * (7 - number % 7))
        return number * number

    done = list(map_here(work, range(30), workers=4))
    assert [each.item for each in done] == list(range(30))
    assert [each.answer for each in done] == [number * number for number in range(30)]


@pytest.mark.parametrize("workers", [1, 3])
def test_it_is_the_same_as_a_plain_map(workers):
    assert [each.answer for each in map_here(str, range(5), workers=workers)] == list("01234")


def test_an_item_that_fails_comes_back_with_its_error_and_the_rest_go_on():
    done = list(map_here(lambda number: 1 / number, [1, 0, 2], workers=2))
    assert [each.answer for each in done] == [1.0, None, 0.5]
    assert isinstance(done[1].error, ZeroDivisionError)
    assert done[0].error is None


def test_no_more_items_are_taken_than_there_is_room_for():
    taken, given = [], 0
    for done in map_here(lambda item: item, _noting(range(20), taken), workers=2, ahead=3):
        assert len(taken) <= given + 3
        given += 1
        assert done.item == given - 1
    assert given == 20


def test_a_caller_that_stops_asking_ends_the_work():
    started = []

    def work(number):
        started.append(number)
        time.sleep(0.005)

    answers = map_here(work, range(1000), workers=2)
    next(answers)
    answers.close()
    assert len(started) < 10
    assert threading.active_count() < 10


def test_a_single_worker_is_the_callers_own_thread_and_keeps_its_cores():
    before = torch.get_num_threads()
    [done] = map_here(lambda _: (threading.get_ident(), torch.get_num_threads()), [0], workers=1)
    assert done.answer == (threading.get_ident(), before)


def test_pytorch_has_one_core_in_each_thread_and_all_of_them_afterwards():
    before = torch.get_num_threads()
    counts = {
        done.answer for done in map_here(lambda _: torch.get_num_threads(), range(4), workers=2)
    }
    assert counts == {1}
    assert torch.get_num_threads() == before


def test_the_process_may_use_a_core():
    assert usable_cores() >= 1


def _noting(items, taken):
    for item in items:
        taken.append(item)
        yield item
