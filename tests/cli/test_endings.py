"""How a job ends on other machines: links, terminals and file names without UTF-8, Ctrl-C, passwords."""

import datetime as dt
import io
import os
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest

from jobs.cli import submission
from jobs.cli.arguments import any_terminal, parse, say_error
from jobs.cli.intervals import interval
from ralm.errors import INTERRUPTED, ConfigError, DataError, RalmError, masked, masked_settings

ROOT = Path(__file__).resolve().parents[2]
SECRET = "S3cretPw"


@pytest.mark.parametrize("relative", [False, True])
def test_the_script_is_found_through_links(tmp_path: Path, relative: bool) -> None:
    """Case 76."""
    first, second = tmp_path / "ralm", tmp_path / "bin" / "ralm"
    second.parent.mkdir()
    first.symlink_to(os.path.relpath(ROOT / "spark-submit.sh", tmp_path) if relative else ROOT / "spark-submit.sh")
    second.symlink_to("../ralm")
    done = subprocess.run([second, "--help"], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "extend_audience" in done.stdout


def test_passwords_are_masked() -> None:
    """Case 61, and every other URL."""
    assert (
        masked(f"open https://me:{SECRET}@host/x?a=1&token={SECRET}&b=2") == "open https://***@host/x?a=1&token=***&b=2"
    )
    assert str(ConfigError(f"serving.store redis://:{SECRET}@h:1/0: no")) == "serving.store redis://***@h:1/0: no"
    for plain in ("abfss://box@account.core/x", "s3a://bucket/a@b/c", "mail me@host", "hdfs://n:8020/x", "a: 'b' @c"):
        assert masked(plain) == plain
    told = masked_settings(
        f"spark:\n  conf:\n    spark.hadoop.fs.s3a.secret.key: {SECRET}\n    x.password: '{SECRET}'\n"
    )
    assert SECRET not in told
    assert masked_settings("lookalike:\n  hidden_dim: 8\n") == "lookalike:\n  hidden_dim: 8\n"


def test_errors_hold_no_password(capsys: pytest.CaptureFixture[str]) -> None:
    assert say_error(ValueError(f"no http://u:{SECRET}@h/ here"), []) == 1
    assert say_error(RalmError(f"no http://u:{SECRET}@h/ here"), []) == 1
    told = capsys.readouterr().err
    assert SECRET not in told
    assert len(told.splitlines()) == 2


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text", ["x" * 100_000, "secret" * 20_000, "a://" + ":" * 50_000, "http://a" * 10_000, "password " + " " * 50_000]
)
def test_texts_of_any_length_are_masked_at_once(text: str) -> None:
    """By patterns that go back over the text from each of its places it would take minutes."""
    assert len(masked_settings(text)) >= len(text) - 10
    assert len(str(RalmError(text))) <= 2_000


def test_an_error_is_one_line_of_printable_signs(capsys: pytest.CaptureFixture[str]) -> None:
    said = "a\n\tb \x1b[2J \u202e \udcff é 💡"
    assert str(DataError(said)) == "a b \\x1b[2J \\u202e \\udcff é 💡"
    say_error(OSError(said), [])
    assert "a b \\x1b[2J" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("job", "option", "value"),
    [
        ("live", "--port", "70000"),
        ("live", "--rounds", "0"),
        ("simulated_ab", "--worlds", "-1"),
        ("simulated_ab", "--days", "x"),
        ("status", "--runs", "9" * 5_000),
    ],
)
def test_numbers_out_of_bounds(job: str, option: str, value: str) -> None:
    options = import_module(f"jobs.{job}").options()
    with pytest.raises(ConfigError, match=f"argument {option}: expected a whole number from"):
        parse("a job", ["--config", str(ROOT / "conf" / "tiny.yaml"), option, value], options=options)


@pytest.mark.parametrize("text", ["0s", "1d", "", "1000000h", "9" * 5_000 + "s", "٣s"])
def test_intervals_of_other_forms(text: str) -> None:
    assert interval("90m") == dt.timedelta(hours=1.5)
    with pytest.raises(ConfigError, match="expected a number and s, m or h"):
        interval(text)


def test_ctrl_c_is_behind_what_it_breaks_off(capsys: pytest.CaptureFixture[str]) -> None:
    gone = ConnectionError("the JVM is gone")
    gone.__context__ = KeyboardInterrupt()
    assert say_error(gone, []) == 130
    assert capsys.readouterr().err.startswith("error: interrupted; finished work is kept.")


def test_ctrl_c_is_said_while_the_lines_of_ranks_are_relayed() -> None:
    """A training in several processes puts a relay in place of both streams."""
    program = (
        "import contextlib, io, os, signal, sys\n"
        "from jobs.cli.arguments import break_off, say_error\n"
        "signal.signal(signal.SIGINT, break_off)\n"
        "try:\n"
        "    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        signal.pause()\n"
        "except KeyboardInterrupt as error:\n"
        "    sys.exit(say_error(error, []))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr.splitlines()) == (130, "", [INTERRUPTED])


def test_a_terminal_without_the_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", screen)
    any_terminal()
    print("[ 1/2] ingest … Müller")
    screen.flush()
    assert screen.buffer.getvalue() == b"[ 1/2] ingest ? M?ller\n"  # type: ignore[attr-defined]


@pytest.mark.parametrize("given", [{"LC_ALL": "C"}, {}, {"LANG": "POSIX"}, {"LC_ALL": "", "LANG": "de_DE.ISO-8859-1"}])
def test_the_jvm_opens_paths_of_any_letters(given: dict[str, str]) -> None:
    assert submission.environment(given, ROOT, ROOT / "log4j2.properties")["LC_ALL"] == "C.UTF-8"
    for good in ({"LANG": "en_GB.UTF-8"}, {"LC_ALL": "C.utf8", "LANG": "C"}):
        made = submission.environment(good, ROOT, ROOT / "log4j2.properties")
        assert made.get("LC_ALL") == good.get("LC_ALL")


def test_a_mistake_of_any_kind_is_one_line(tmp_path: Path) -> None:
    """Case 71: what cannot even be read as text."""
    path = tmp_path / "utf16.yaml"
    path.write_bytes("name: x\n".encode("utf-16"))
    command = [sys.executable, "-m", "jobs.cli.submission", "ingest", "--config", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode in (1, 2)
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("error: ")


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_ctrl_c_and_letters_end_to_end(tmp_path: Path) -> None:
    """The whole process group gets the signal, as from a terminal; the warehouse has letters that C lacks."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG"))} | {"LC_ALL": "C"}
    setting = f"warehouse={tmp_path / 'Übung é 倉'}"
    command = ["./spark-submit.sh", "simulate", "--config", "conf/tiny.yaml", "--set", setting]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    assert process.stdout is not None
    assert any(b"simulate" in line for line in process.stdout)
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)
    told, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    assert told.decode().splitlines() == [INTERRUPTED]
    assert (tmp_path / "Übung é 倉" / "runs").is_dir()
