"""Tables by name in a schema of a real metastore: Hive's, in a file of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# In a session of its own each: what the second one finds was kept by the metastore.
SESSION = """
import sys
import ralm
from ralm.config import load_config
from ralm.errors import ConfigError
from ralm.runs.context import Context
from ralm.spark.session import get_session

folder, work = sys.argv[1:]
settings = {
    "spark.sql.catalogImplementation": "hive",
    "spark.hadoop.javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={folder}/metastore;create=true",
    "spark.sql.warehouse.dir": f"{folder}/schemas",
    "spark.driver.extraJavaOptions": f"-Dderby.system.home={folder}",
}
config = load_config("conf/tiny.yaml", [f"warehouse={folder}/wh", "catalog=spark_catalog.audiences"])
own = {"conf": config.spark.conf | settings, "master": "local[1]"}
spark = get_session("catalog", config.spark.model_copy(update=own))
if work == "make":
    warehouse = Context(spark, config).warehouse
    for name in ("users", "audiences"):
        warehouse.create(name)
    other = config.model_copy(update={"warehouse": f"{folder}/other"})
    try:
        Context(spark, other).warehouse.create("users")
    except ConfigError as error:
        print("REFUSED", error)
else:
    print("TABLES", sorted(row.tableName for row in spark.sql("SHOW TABLES IN audiences").collect()))
    print("COUNT", spark.table("spark_catalog.audiences.audiences").count())
    described = {row.col_name: row.comment for row in spark.sql("DESCRIBE audiences.audiences").collect()}
    print("COMMENT", described["score"])
    Context(spark, config).warehouse.create("audiences")
"""


@pytest.mark.spark
@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_next_session_finds_the_tables_by_name(tmp_path: Path) -> None:
    def session(work: str) -> str:
        command = [sys.executable, "-c", SESSION, str(tmp_path), work]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr[-4_000:]
        return done.stdout

    made = session("make")
    assert f"lies at file:{tmp_path}/wh/users, that of this warehouse at {tmp_path}/other/users" in made
    found = session("look")
    assert "TABLES ['audiences', 'users']" in found
    assert "COUNT 0" in found
    assert "COMMENT None" not in found
    assert "COMMENT " in found


@pytest.mark.spark
def test_names_that_would_be_forgotten_are_refused(spark) -> None:
    from ralm.errors import ConfigError
    from ralm.warehouse.catalog import NamedTables

    with pytest.raises(ConfigError, match="in memory only"):
        NamedTables(spark, "spark_catalog.audiences")
