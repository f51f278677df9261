import json

import pytest
from click.testing import CliRunner

from drengr.cli import main
from tests.admin import event

pytestmark = pytest.mark.both_stores


@pytest.fixture
def verify(location, store, tenant):
    store.add(tenant.project.id, [event(event_name=f"e{n % 30}") for n in range(60)])
    return lambda *words: CliRunner().invoke(main, ["verify", *words], env={"DRENGR_DATABASE": location})


def test_a_sound_file_is_said_to_be_sound(verify):
    found = verify()
    assert (found.exit_code, found.output) == (0, "The file: all right.\nTotals: all right.\n")


def test_a_wrong_total_is_named_until_it_is_repaired(verify, store):
    one = "(SELECT id FROM event_names WHERE name = 'e0')"
    store.commits.run(lambda connection: connection.execute(f"UPDATE hour_totals SET events = 9 WHERE name_id = {one}"))
    found = verify()
    assert found.exit_code == 1
    assert 'project shop, event "e0": total 9, events 2' in found.output
    mended = verify("--repair")
    assert mended.exit_code == 0 and mended.output.endswith("Repaired.\n")
    assert verify().exit_code == 0


def test_many_differences_are_counted_not_listed(verify, store):
    store.commits.run(lambda connection: connection.execute("DELETE FROM day_totals"))
    found = verify()
    assert "Totals: 30 faults." in found.output and "… and 10 more" in found.output


def test_json_lists_every_fault(verify, store):
    assert json.loads(verify("--json").output) == {"faults": [], "wrong_totals": [], "still_wrong": 0}
    store.commits.run(lambda connection: connection.execute("DELETE FROM day_totals"))
    found = json.loads(verify("--json").output)
    assert len(found["wrong_totals"]) == found["still_wrong"] == 30
    assert json.loads(verify("--json", "--repair").output)["still_wrong"] == 0
