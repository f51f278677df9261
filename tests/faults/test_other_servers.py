"""Under a server that is not gunicorn, such as `flask run` (contract 7)."""

import http.client
import json
import threading

import pytest
from werkzeug.serving import make_server

from drengr.api import build_app
from drengr.api.service import EXTENSION

ROW = json.dumps({"event_type": "a", "user_id": "u", "event_time": "2026-11-01 10:00:00"}).encode() + b"\n"


@pytest.fixture
def served(tmp_path):
    """(port, secret key) of Werkzeug's own server, as `flask run` starts it."""
    app = build_app({"DRENGR_DATABASE": str(tmp_path / "events.db")})
    store = app.extensions[EXTENSION].store
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.port, store.make_project("shop").secret_key
    server.shutdown()
    thread.join()
    server.server_close()
    store.close()


@pytest.mark.parametrize("path", ["/import-events?source=amplitude", "/import-events"])
def test_an_upload_with_a_length_is_answered_while_its_client_waits(served, path):
    port, secret_key = served
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    body = ROW if "source" in path else b'{"source": "amplitude", "events": [%s]}' % ROW
    connection.request("POST", path, body, {"Authorization": f"Bearer {secret_key}"})
    assert json.loads(connection.getresponse().read())["imported"] == 1
    connection.close()
