"""`drengr ui`: one line, a link that signs in once (contract 12)."""

import json

import pytest

from drengr import create_app

pytestmark = pytest.mark.both_stores


@pytest.fixture
def opened(location, tmp_path):
    """opened(link) → the projects' names that its list or title shows, or the status."""
    app = create_app({"DRENGR_DATABASE": location, "DRENGR_FOLDER": str(tmp_path)})

    def open_link(link: str) -> str:
        return app.test_client().get(link, follow_redirects=True).text

    yield open_link
    app.extensions["drengr"].store.close()


@pytest.fixture
def projects(drengr):
    return [json.loads(drengr("project", "create", name, "--json").stdout)["project_id"] for name in ("shop", "blog")]


def path_of(result) -> str:
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    start, path = line.split("/ui/")
    assert start == "http://127.0.0.1:8000"
    return f"/ui/{path}"


def test_it_prints_one_line_that_opens_all_projects_of_that_moment(drengr, projects, opened):
    link = path_of(drengr("ui"))
    drengr("project", "create", "later")
    page = opened(link)
    assert "shop" in page and "blog" in page and "later" not in page
    assert "does not work" in opened(link)


def test_with_names_it_opens_those(drengr, projects, opened):
    assert "<title>Overview · blog" in opened(path_of(drengr("ui", "blog", projects[1])))


def test_an_address_elsewhere_is_printed_as_it_is(drengr, projects):
    printed = drengr("ui", "--url", "https://events.example/stats/").stdout
    assert printed.startswith("https://events.example/stats/ui/link/")
    assert drengr("ui", "--url", "events.example").exit_code == 2


def test_what_cannot_be_opened_is_said(drengr, projects):
    assert drengr("ui", "none").exit_code == 2
    assert drengr("ui", DRENGR_UI="off").exit_code == 2


def test_a_service_on_every_address_is_opened_from_its_own_machine(drengr, projects):
    assert drengr("ui", HOST="0.0.0.0", PORT="9000").stdout.startswith("http://127.0.0.1:9000/ui/link/")
