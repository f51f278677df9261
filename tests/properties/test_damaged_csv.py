"""CSV of every dialect with one damaged row: every other row is read, and the lost one is counted (contract 5)."""

import csv
import io

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.files.test_damage import read

HEADER = ["event_type", "$insert_id", "event_time", "user_id", "event_properties.note"]
WORDS = ["plan", 'say "hi"', '15"', "a,b", "a;b", "a\tb", '{"a": 1}', "", "two\nlines", "l\n\n, with;\tsigns\n", "ü"]

# A line end of "\r" alone leaves a line feed unquoted in Python 3.11 and 3.12: a file that nobody can read.
dialects = st.fixed_dictionaries({
    "delimiter": st.sampled_from([",", ";", "\t"]),
    "quoting": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    "lineterminator": st.sampled_from(["\n", "\r\n"]),
})  # fmt: skip
texts = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(WORDS)), min_size=2, max_size=12)


def written(cells: list[str], dialect: dict) -> str:
    file = io.StringIO(newline="")
    csv.writer(file, **dialect).writerow(cells)
    return file.getvalue()


def cells_of(number: int, user: str, note: str) -> list[str]:
    return ["Buy", f"k{number}", f"2025-10-09 08:{number:02}:01", user, note]


def found_in(data: str, size: int) -> tuple[dict[str, tuple[str, str]], int]:
    """({insert id: (user, note)} of the rows, how many were skipped)."""
    good, skipped, error = read(data.encode(), "text/csv", size)
    assert error == ""
    pairs = [(row["$insert_id"], (row.get("user_id", ""), _note(row))) for row in good if "$insert_id" in row]
    assert len(pairs) == len(dict(pairs))
    return dict(pairs), len(skipped)


def _note(row: dict) -> str:
    return row.get("event_properties", {}).get("note", "")


@settings(max_examples=300, deadline=None)
@given(dialect=dialects, texts=texts, size=st.sampled_from([7, 100, 65_536]))
def test_every_row_that_python_writes_is_read(dialect, texts, size):
    rows = [cells_of(number, *pair) for number, pair in enumerate(texts)]
    data = "".join(written(cells, dialect) for cells in [HEADER, *rows])
    assert found_in(data, size) == ({f"k{number}": pair for number, pair in enumerate(texts)}, 0)


def _open_quote(cells, at, dialect):
    return [*cells[:at], f'"{cells[at]}', *cells[at + 1 :]]


def _glued(cells, at, dialect):
    return [*cells[:at], f'"{cells[at]}"x', *cells[at + 1 :]]


def _more_cells(cells, at, dialect):
    return [*cells, "more"]


@settings(max_examples=600, deadline=None)
@given(
    dialect=dialects,
    texts=texts,
    size=st.sampled_from([7, 100, 65_536]),
    damage=st.sampled_from([_open_quote, _glued, _more_cells]),
    column=st.integers(0, 4),
    data=st.data(),
)
def test_one_damaged_row_is_skipped_and_no_other_lost(dialect, texts, size, damage, column, data):
    at = data.draw(st.integers(0, len(texts) - 1))
    rows = [written(cells_of(number, *pair), dialect) for number, pair in enumerate(texts)]
    damaged = damage(cells_of(at, "u", "x"), column, dialect)
    rows[at] = dialect["delimiter"].join(damaged) + dialect["lineterminator"]
    found, skipped = found_in(written(HEADER, dialect) + "".join(rows), size)
    assert found == {f"k{number}": pair for number, pair in enumerate(texts) if number != at}
    assert skipped == 1


@settings(max_examples=600, deadline=None)
@given(dialect=dialects, texts=texts, size=st.sampled_from([7, 65_536]), where=st.floats(0, 1), data=st.data())
def test_a_quote_too_many_anywhere_costs_no_other_row(dialect, texts, size, where, data):
    at = data.draw(st.integers(0, len(texts) - 1))
    texts[at] = ("u", "x")  # of one line: what follows a damage inside a cell of many is anybody's guess
    rows = [written(cells_of(number, *pair), dialect) for number, pair in enumerate(texts)]
    place = round(where * (len(rows[at]) - len(dialect["lineterminator"])))
    rows[at] = rows[at][:place] + '"' + rows[at][place:]
    found, skipped = found_in(written(HEADER, dialect) + "".join(rows), size)
    others = {f"k{number}": pair for number, pair in enumerate(texts) if number != at}
    assert {key: pair for key, pair in found.items() if key in others} == others
    assert len(found) + skipped == len(texts)
