"""What a report says of an audience that was made with more than its seeds."""

from jobs.steps.audiences.made_with import left_out, made_with


def test_nothing_is_said_of_a_plain_audience() -> None:
    assert left_out(made_with(False, False, None)) == []
    assert left_out({}) == []


def test_weights_negative_seeds_and_slices_are_named() -> None:
    said = left_out(made_with(True, True, (0.01, 0.025)))
    assert len(said) == 2
    assert "made with weights of the seeds and negative seeds; the verdict" in said[0]
    assert "from 1 % to 2.5 %" in said[1]
    assert "made with negative seeds;" in left_out(made_with(False, True, None))[0]
