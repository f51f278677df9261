"""What was imported, and taking it back, on the page (contract 9, 12)."""

import pytest

from tests.api.test_import_file import many

NAME = "attachment; filename*=UTF-8''%3Cscript%3E%20b%C3%BCro.ndjson"


@pytest.fixture
def imported(client, here):
    """Two imports; the second repeats the first."""
    for _ in range(2):
        headers = {"Content-Disposition": NAME}
        client.post(f"{here}/import/file?source=amplitude", data=many(20), headers=headers)


def test_imports_are_listed_with_the_names_of_their_files(client, here, imported):
    page = client.get(f"{here}/import").text
    assert "&lt;script&gt; büro.ndjson" in page and "<script> büro" not in page
    assert page.count(">Undo</a>") == 2
    assert "What was imported" not in client.get(f"{here}/import?").text.split("</main>")[1]


def test_an_import_is_taken_back_after_it_was_asked(client, here, imported, rows, store):
    page = client.get(f"{here}/import/1/undo").text
    assert "20 events would go" in page and "send again the files imported after it" in page
    assert len(rows()) == 20
    assert client.post(f"{here}/import/1/undo/done").status_code == 303
    store.go_on_removing(5)
    assert rows() == []
    assert client.get(f"{here}/import").text.count(">Undo</a>") == 1
    again = client.get(f"{here}/import/1/undo"), client.post(f"{here}/import/1/undo/done")
    assert [answer.status_code for answer in again] == [400, 400]


@pytest.mark.parametrize("number", ["0", "3", "x", "-1", "9" * 40, "\u0661"])
def test_there_is_no_import_of_that_number(client, here, imported, number):
    assert client.get(f"{here}/import/{number}/undo").status_code == 404
    assert client.post(f"{here}/import/{number}/undo/done").status_code == 404


def test_a_dry_run_is_no_import(client, here):
    client.post(f"{here}/import/file?source=amplitude&dry_run=1", data=many(20))
    assert "What was imported" not in client.get(f"{here}/import").text


def test_imports_of_another_project_are_its_own(client, here, imported, sign_in, make_tenant):
    there = sign_in(make_tenant("other"))
    assert "What was imported" not in client.get(f"{there}/import").text
    assert client.get(f"{there}/import/1/undo").status_code == 404


def test_all_imports_are_there_as_csv(client, here, imported):
    answer = client.get(f"{here}/import?format=csv")
    head, second, first = answer.text.splitlines()
    assert answer.mimetype == "text/csv" and head.startswith("number,source,app_package,file,received_at")
    assert second.startswith("2,amplitude,,<script> büro.ndjson,") and first.startswith("1,")
