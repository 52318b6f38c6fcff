"""A reader that looks all the time, through delta-rs, while rounds publish: it sees whole releases alone."""

from pathlib import Path

import pytest

from jobs.steps.refresh.round import refresh
from ralm.warehouse.releases import releases
from tests.faults.judge import mixed, released
from tests.faults.reader import Reader
from tests.finished import Finished
from tests.steps.refresh.test_round import click, now, publish_item, users_of

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.soak, pytest.mark.timeout(2700)]


def test_a_reader_sees_whole_releases_alone(tiny_run: Finished, tmp_path: Path) -> None:
    own = tiny_run.copy(tmp_path / "wh")
    path, context = Path(str(own.config.warehouse)), own.context()
    refresh(context)
    reader = Reader(path, pause=0.02)
    for number in range(2):
        publish_item(context, f"i-new-{number}")
        click(context, f"i-new-{number}", users_of(context, 30, skip=30 * number), now())
        refresh(own.context())
    reader.close()
    assert reader.wrong == []
    assert reader.looks > 20
    listed = {release.release_id: release for release in releases(context.warehouse)}
    assert reader.seen.keys() == listed.keys()
    assert len(listed) == 3
    for name, seen in reader.seen.items():
        assert seen == released(path, dict(listed[name].tables))
    first, *_, last = sorted(listed.values(), key=lambda release: release.created_at)
    # The tables of two releases together are what the reader would have found wrong.
    assert mixed(path, {"audiences": last.tables["audiences"], "thresholds": first.tables["thresholds"]})
