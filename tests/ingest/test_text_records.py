"""Records of delimited text, against Python's csv module and by what must hold of any text."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from ralm.ingest.text_records import Style, blanks_before_quotes, leaves_open, records, unescaped

CELL = st.text(alphabet='ab ,"\n', max_size=6)


@given(st.lists(st.lists(CELL, min_size=3, max_size=3), max_size=6))
def test_what_csv_writes_is_read_or_counted(rows: list[list[str]]) -> None:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
    found = list(records(file.getvalue().split("\n"), Style(), 3))
    read = [cells for cells, _ in found if cells is not None]
    # A record over several lines of which one looks like a whole record is not read, and is counted.
    assert all(cells in rows for cells in read)
    if not any("\n" in cell for row in rows for cell in row):
        assert read == rows


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=20), st.data())
def test_one_open_quote_costs_one_line(rows: list[tuple[int, int]], data: st.DataObject) -> None:
    lines = [f'{a},"say ""{b}"""' for a, b in rows]
    place = data.draw(st.integers(0, len(lines) - 1))
    broken = [*lines[:place], f'{rows[place][0]},"say', *lines[place + 1 :]]
    found = list(records(broken, Style(), 2))
    assert len(found) == len(lines)
    assert [cells is None for cells, _ in found] == [number == place for number in range(len(lines))]
    assert leaves_open(broken, Style())
    assert not leaves_open(lines, Style())


def test_separators_of_several_characters_and_comments() -> None:
    style = Style(separator="::", comment="#")
    found = list(records(["# no", "1::2::3", '1::"a::b"::3', "", "1::2"], style, 3))
    assert [cells for cells, _ in found] == [["1", "2", "3"], ["1", "a::b", "3"], None]


def test_a_stray_quote_inside_a_cell_is_text() -> None:
    assert [cells for cells, _ in records(['5" disk,1'], Style(), 2)] == [['5" disk', "1"]]


def test_text_after_a_closing_quote_spoils_its_cell_alone() -> None:
    assert [cells for cells, _ in records(['a,"b"c,d', '"a"b"c,d,"e ""f"""'], Style(), 3)] == [
        ["a", None, "d"],
        [None, "d", 'e "f"'],
    ]


def test_no_quotes() -> None:
    assert [cells for cells, _ in records(['"a,b', 'c,"d'], Style(quote=""), 2)] == [['"a', "b"], ["c", '"d']]


def test_an_escape_is_read_as_by_spark() -> None:
    style = Style(escape="\\")
    lines = [r'"a\"b, c",1', r'"x\\",2', r'"a\tb",3', r"a\b,4", '"a""b",5', '"a" ,6', r'"a\",7']
    expected = [['a"b, c', "1"], ["x\\", "2"], ["a\\tb", "3"], ["a\\b", "4"], [None, "5"], ["a", "6"], None]
    assert [cells for cells, _ in records(lines, style, 2)] == expected
    assert [cells for cells, _ in records(['"a" ,1'], Style(), 2)] == [["a", "1"]]


def test_separators_by_name() -> None:
    names = [r"\t", r"\x01", r"\u0001", r"\\", "::", "\t", "\\"]
    assert [unescaped(name) for name in names] == ["\t", "\x01", "\x01", "\\", "::", "\t", "\\"]


def test_blanks_before_quotes() -> None:
    assert blanks_before_quotes(['a, b\n1, "x, y"\n'], ",", '"')
    assert not blanks_before_quotes(['a,b\n1,"x, ""y"""\n2,"z"\n'], ",", '"')
    assert [cells for cells, _ in records(['1, "x, y"'], Style(trim=True), 2)] == [["1", "x, y"]]
