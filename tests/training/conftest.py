import pytest


@pytest.fixture(autouse=True)
def one_thread_per_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tensors are tiny, here too: trainings in this process set their own number of threads."""
    monkeypatch.setattr("ralm.training.ranks.threads", lambda training: 1)
