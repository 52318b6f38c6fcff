"""Tables read by delta-rs, without Spark: what is damaged is told with what to do, and that helps."""

import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from ralm.errors import RalmError
from ralm.warehouse.without_spark import TableFiles


@pytest.mark.parametrize("damage", ["truncated", "empty", "gone", "half of the parts"])
def test_a_broken_checkpoint_of_a_log(tmp_path: Path, damage: str) -> None:
    for number in range(3):
        write_deltalake(tmp_path / "checks", pa.table({"number": [number]}), mode="append")
    DeltaTable(tmp_path / "checks").create_checkpoint()
    log = tmp_path / "checks" / "_delta_log"
    (checkpoint,) = log.glob("*.checkpoint.parquet")
    content = checkpoint.read_bytes()
    if damage == "half of the parts":
        shutil.move(checkpoint, checkpoint.with_suffix(".0000000001.0000000002.parquet"))
    elif damage == "gone":
        checkpoint.unlink()
    else:
        checkpoint.write_bytes(content[: len(content) // 2] if damage == "truncated" else b"")
    with pytest.raises(RalmError, match=r"table 'checks': cannot be read at ") as error:
        TableFiles(str(tmp_path)).rows("checks")
    assert "\n" not in str(error.value)
    assert f"if {log} has every commit (.json) since the checkpoint before it" in str(error.value)
    assert "delete the checkpoint and _last_checkpoint there" in str(error.value)
    (log / "_last_checkpoint").unlink()
    checkpoint.unlink(missing_ok=True)
    assert sorted(row["number"] for row in TableFiles(str(tmp_path)).rows("checks")) == [0, 1, 2]
