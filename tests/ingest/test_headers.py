"""Which line of a file is its header, and what its columns are called."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ralm.config.sources import Source
from ralm.ingest.headers import find_header
from ralm.ingest.ids import without_formula
from ralm.ingest.json_heads import hidden_values
from ralm.ingest.names import clean_name
from ralm.ingest.text_records import Style

READ = ["Customer ID", "replace(`Product ID`, '-', '')", "kind = 'click' OR kind = 'view'"]


def names(text: str, separator: str = ";", *, headed: bool = True) -> tuple[str, ...]:
    return find_header(text, True, Style(separator), headed, READ).names


def test_titles_above_the_header_are_told_from_it() -> None:
    text = "Report of orders\nsince;05/02/2024;;\nCustomer ID;Product ID;kind\n1;2;click\n"
    found = find_header(text, True, Style(";"), True, READ)
    assert found.names == ("Customer ID", "Product ID", "kind")
    assert found.titles == ("Report of orders", "since;05/02/2024;;")
    assert names("sep=;\nCustomer ID;kind\n1;click\n") == ("Customer ID", "kind")


def test_a_row_with_values_that_expressions_name_is_no_header() -> None:
    assert names("who;what;then\n1;click;view\n") == ("who", "what", "then")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a;b\n1;2;\n3;4;\n", ("a", "b", "_c2")),
        ("a;b;\n1;2\n3;4\n", ("a", "b")),
        ("a;b;\n1;2;\n3;4;\n", ("a", "b", "_c2")),
        ("a;b\n1;2;3\n1;2\n", ("a", "b")),  # too many cells in a row: it is counted
        ("a;a\n1;2\n", ("a0", "a1")),
        (";a\n1;2\n", ("_c0", "a")),
    ],
)
def test_separators_at_the_ends_of_rows(text: str, expected: tuple[str, ...]) -> None:
    assert names(text) == expected


def test_a_title_does_not_decide_how_many_cells_there_are_without_a_header() -> None:
    assert names("Report\n" + "1;2;3\n" * 9, headed=False) == ("_c0", "_c1", "_c2")
    assert names("1;2\n1;2;3\n", headed=False) == ("_c0", "_c1")


@given(st.text(max_size=12))
def test_a_name_is_the_same_however_its_letters_are_composed(text: str) -> None:
    name = clean_name(text)
    assert clean_name(name) == name
    assert clean_name(unicodedata.normalize("NFD", text)) == name
    assert clean_name(f"\ufeff {text}\u00a0\u200b") == name


def test_values_that_spark_would_leave_out() -> None:
    assert "line 2 holds several" in str(hidden_values('{"a": 1}\n{"a": 2} {"a": 3}\n', False))
    assert hidden_values('{"a": "}{"},\n{"a": {"b": 1}}\n{"a": ', False) is None
    assert "of which multiLine reads the first" in str(hidden_values('{\n"a": 1}\n{\n"a": 2}', True))
    assert hidden_values('[{"a": 1},\n{"a": 2}]\n', True) is None
    assert hidden_values('{"a": "}{", "b": "\\\\"}\n', True) is None
    assert hidden_values('[{"a": [1,\n', True) is None


def test_excel_s_formula_round_an_id() -> None:
    assert [without_formula(text) for text in ('="007"', "007", '="a"b"', "=7")] == ["007", "007", 'a"b', "=7"]


@pytest.mark.parametrize(
    ("formats", "refused"),
    [
        (["dd/MM/yyyy", "MM/dd/yyyy"], True),
        (["iso", "M/d/yyyy HH:mm", "d/M/yyyy HH:mm"], True),
        (["d/M/yyyy", "MM/dd/yyyy"], True),
        (["yyyyMMdd", "yyyyddMM"], True),
        (["iso", "yyyy-dd-MM HH:mm:ss"], True),
        (["dd/MM/yyyy", "MM/dd/yyyy HH:mm"], False),
        (["iso", "yyyy-MM-dd HH:mm:ss"], False),
        (["dd MMM yyyy", "MMM dd yyyy"], False),
        (["dd.MM.yyyy", "MM/dd/yyyy"], False),
    ],
)
def test_days_and_months_in_either_order(formats: list[str], refused: bool) -> None:
    given = {"path": "x", "columns": {"event_time": "at"}, "time_format": formats}
    if refused:
        with pytest.raises(ValidationError, match="both read 02/03/2024"):
            Source.model_validate(given)
    else:
        assert Source.model_validate(given).time_formats == formats
