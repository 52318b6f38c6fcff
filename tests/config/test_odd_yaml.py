"""YAML that is no configuration: nested without end, huge, of wrong types, with secrets; one line each."""

from pathlib import Path

import pytest

from ralm.config import load_config
from ralm.errors import ConfigError

TINY = Path(__file__).resolve().parents[2] / "conf" / "tiny.yaml"
SECRET = "q7Xs3cr3t"
LAYOUT = """
name: mine
ingest:
  events: [{path: e.csv, domain: %s, columns: {user_id: u, feature_id: i, event_time: t}, time_format: %s}]
  impressions: {path: e.csv, domain: %s, columns: {user_id: u, item_id: i, shown_at: t}}
fields: {numeric: %s}
"""


def refused(path: Path, text: str | bytes) -> str:
    """The line that refuses a file."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    said = str(caught.value)
    assert said.startswith(f"configuration {path}: ")
    assert said.isprintable()
    return said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 5_000, "line 1: nested more than 50 levels deep"),
        ("\n".join(" " * depth + "a:" for depth in range(200)), "line 50: nested more than 50"),
        ("a: &a [*a]", "name: Field required"),
        ("name: x\nseed: !!bool maybe", "line 2: 'maybe' is no bool"),
        ("name: !!int x", "line 1: 'x' is no int"),
        ("name: 0x" + "f" * 5_000, "a number of 20,000 bits"),
        ('name: "\\ud800"', "line 1: it has half a character"),
        (b"#" * (2**20 + 1), "over 1,024 KiB, which is no configuration"),
        (LAYOUT % ("{a: b}", "iso", "feed", "[]"), "ingest.events.0.domain: Input should be a valid string"),
        (LAYOUT % ("read", "iso", "[a]", "[]"), "ingest.impressions.domain: Input should be a valid string"),
        (LAYOUT % ("read", "iso", "read", "[[a], {b: c}]"), "fields.numeric.0: Input should be a valid string"),
        (LAYOUT % ("read", "iso", "read", "7"), "fields.numeric: Input should be a valid list"),
        (LAYOUT % ("read", ["yyyy-MM-dd"] * 500, "read", "[]"), "500 time formats, at most 20 are tried"),
    ],
)
def test_what_is_no_configuration_is_refused_in_one_line(tmp_path: Path, text: str | bytes, words: str) -> None:
    assert words in refused(tmp_path / "odd.yaml", text)


def test_long_values_and_many_mistakes_are_cut(tmp_path: Path) -> None:
    many = "name: " + "x y" * 9_000 + "\n" + "".join(f"k{number}: 1\n" for number in range(500))
    said = refused(tmp_path / "odd.yaml", many)
    assert len(said) < 1_500
    assert "k1: unknown key" in said
    assert "more" in said.rpartition("; ")[2]


@pytest.mark.parametrize(
    "line",
    [
        *(f"spark.ssl.keyPassword: {mark}{SECRET}" for mark in ("*", "!", "[", "'", "{a: ", "!!int ")),
        f"> spark.ssl.keyPassword: {SECRET}",
        f"a: b: {{spark.ssl.keyPassword: {SECRET}",
    ],
)
def test_a_line_with_a_secret_is_not_shown(tmp_path: Path, line: str) -> None:
    said = refused(tmp_path / "odd.yaml", f"name: x\nspark:\n  conf:\n    {line}\n")
    assert SECRET not in said
    assert "line " in said


def test_a_mapping_written_as_text_hides_its_secret(tmp_path: Path) -> None:
    said = refused(tmp_path / "odd.yaml", f"name: x\nspark: {{conf: \"{{'fs.s3a.secret.key': '{SECRET}'}}\"}}\n")
    assert "spark.conf" in said
    assert SECRET not in said


@pytest.mark.parametrize("value", [f"[{SECRET}", f"*{SECRET}", f"{SECRET}: a: b"])
@pytest.mark.parametrize("key", ["spark.conf.fs.s3a.secret.key", "storage.secret_key", "name.password"])
def test_an_assignment_of_a_secret_is_not_shown(key: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(TINY, [f"{key}={value}"])
    assert f"--set {key}=***" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_assignments_of_any_bytes(tmp_path: Path) -> None:
    for assignment, words in [
        ("quo\udcfe=1", "not UTF-8"),
        ("a\x1b[31m\n\n", "a\\x1b[31m : expected section.key=value"),
        ("name=" + "[" * 9_000, "nested more than"),
    ]:
        with pytest.raises(ConfigError) as caught:
            load_config(TINY, [assignment])
        assert words in str(caught.value)
        assert str(caught.value).isprintable()
