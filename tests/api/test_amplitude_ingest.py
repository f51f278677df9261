from tests.factories import amplitude_event, envelope


def test_an_event_lands_in_the_file(client, tenant, rows):
    answer = client.post("/amplitude-ingest", json=envelope(tenant.publishable_key, amplitude_event(insert_id="a")))
    assert answer.status_code == 200
    assert answer.json["events_ingested"] == 1
    assert [row["event_name"] for row in rows()] == ["order_completed"]
