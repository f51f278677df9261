"""The keys of the first start: nobody's eyes, nobody's keys. Contract 1, 7."""

import pytest

from drengr.serving import start


def test_first_keys_that_cannot_be_kept_are_revoked(store, tmp_path, capsys):
    made = store.make_default_project()
    start._show_keys(store, made, "http://127.0.0.1:8000", str(tmp_path / "nowhere"))
    assert all(key.revoked_at for key in store.all_keys())
    told = capsys.readouterr().err
    assert "were revoked" in told and "drengr key create default" in told and told.count("\n") == 1


def test_a_file_of_keys_is_named_again_only_for_its_own_project(store, tmp_path, capsys):
    made = store.make_default_project()
    start.show_keys(made, "http://127.0.0.1:8000", str(tmp_path))
    capsys.readouterr()
    start.remind_of_keys(["another"], str(tmp_path))
    assert capsys.readouterr().out == ""
    start.remind_of_keys([made.project_id], str(tmp_path))
    assert capsys.readouterr().out.count(str(tmp_path / "drengr-keys.json")) == 1


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_link_to_the_page_is_printed_on_a_terminal_only(store, tmp_path, capsys, monkeypatch, is_terminal):
    made = store.make_default_project()
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal)
    start.show_keys(made, "http://127.0.0.1:8000", str(tmp_path), lambda: "http://127.0.0.1:8000/ui/link/x")
    assert ("/ui/link/x" in capsys.readouterr().out) == is_terminal
