"""Lines to paste that send a first event here: browser, Node, Python, curl, with the key and address filled in."""

from typing import NamedTuple

from flask import request

from drengr.api.service import service
from drengr.store import Key, Project, clock

NO_KEY = "YOUR_PUBLISHABLE_KEY"  # older keys are known by their first characters only

_CURL = """\
curl {url} -d '{{
  "api_key": "{key}",
  "events": [{{"event_type": "Order Completed", "user_id": "u_9", "event_properties": {{"revenue": 42.5}}}}]
}}'"""
_BROWSER = """\
// npm install @amplitude/analytics-browser
import * as amplitude from '@amplitude/analytics-browser';
amplitude.init('{key}', {{
  serverUrl: '{url}',
  remoteConfig: {{ fetchRemoteConfig: false }}, // else the SDK still calls its vendor
  enableDiagnostics: false,                   // the same
}});
amplitude.track('Order Completed', {{ revenue: 42.5 }});"""
_NODE = """\
// npm install @amplitude/analytics-node
const {{ init, track }} = require('@amplitude/analytics-node');
init('{key}', {{ serverUrl: '{url}' }});
track('Order Completed', {{ revenue: 42.5 }}, {{ user_id: 'u_9' }});"""
_PYTHON = """\
# pip install amplitude-analytics
from amplitude import Amplitude, BaseEvent, Config
client = Amplitude("{key}", Config(server_url="{url}"))
client.track(BaseEvent("Order Completed", user_id="u_9", event_properties={{"revenue": 42.5}}))
client.flush()"""


class Snippet(NamedTuple):
    """One of them."""

    id: str
    label: str
    text: str


def snippets(project: Project) -> list[Snippet]:
    """The lines for this project, as whoever reads them reaches the service."""
    filled = {"url": f"{address()}/amplitude-ingest", "key": _key(service().store.all_keys(project))}
    texts = {"curl": _CURL, "Browser": _BROWSER, "Node": _NODE, "Python": _PYTHON}
    return [Snippet(label.lower(), label, text.format(**filled)) for label, text in texts.items()]


def address() -> str:
    """Where this browser reaches the service."""
    return f"{request.scheme}://{request.host}{request.root_path}"


def _key(keys: list[Key]) -> str:
    """The newest good publishable key that is known in full."""
    now_ms = clock.now_ms()
    good = [key.key for key in keys if key.key and key.is_good(now_ms)]
    return good[-1] if good else NO_KEY
