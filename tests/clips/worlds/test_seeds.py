import numpy as np

from kinetoscope.clips.worlds.seeds import generator_for, pick, uniform


def test_the_same_words_give_the_same_numbers_on_every_machine():
    drawn = [generator_for(7, "walk", "test", 2).random() for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert abs(drawn[0] - 0.6077790) < 1e-6


def test_other_words_give_other_numbers():
    words = [(0, "ring", 1), (1, "ring", 1), (0, "rin", "g1"), (0, "ring", "1"), (0, "ring", 2)]
    assert len({generator_for(*each).random() for each in words}) == len(words)


def test_every_option_is_picked_as_often():
    generator = generator_for("options")
    picked = [pick(generator, "abcd") for _ in range(4000)]
    assert all(abs(picked.count(option) - 1000) < 120 for option in "abcd")


def test_numbers_lie_between_their_bounds():
    generator = generator_for("bounds")
    drawn = np.array([uniform(generator, -2.0, 3.0) for _ in range(1000)])
    assert drawn.min() >= -2
    assert drawn.max() < 3
    assert abs(drawn.mean() - 0.5) < 0.2
