"""The keys of the first start: shown once, and kept where nobody but the owner reads them (contract 1, 7)."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from glob import escape, glob

from drengr.log import say, shown
from drengr.serving.listening import YOUR_NAME
from drengr.serving.logs import is_json_wanted, tell
from drengr.store import NewProject

_WELCOME = """
A project named "default" was made. Its keys are shown this once:

  project id       {project_id}
  publishable key  {publishable_key}   (sends events; goes into apps)
  secret key       {secret_key}   (imports and reads; keep it on your servers)

Store a first event:

  curl {url}/amplitude-ingest -d '{{"api_key":"{publishable_key}","events":[{{"event_type":"hello","user_id":"me"}}]}}'

Point an Amplitude SDK here:

  Python   Amplitude("{publishable_key}", Config(server_url="{url}/amplitude-ingest"))
  Node     init("{publishable_key}", {{ serverUrl: "{url}/amplitude-ingest" }})
  Browser  amplitude.init("{publishable_key}", {{ serverUrl: "{url}/amplitude-ingest",
                          remoteConfig: {{ fetchRemoteConfig: false }} }})
"""
_OPEN_PAGE = """
Or see it all in a browser; this link signs you in once, within ten minutes (`drengr ui` makes another):

  {link}
"""
_FILL_IN = f"""
Put your server's name, or the https:// address of the proxy before it, in the place of {YOUR_NAME}.
"""


def show_keys(made: NewProject, url: str, folder: str, make_link: Callable[[], str] | None = None) -> None:
    """Print the first keys; where no terminal took them, keep them in a file of the folder too, and say where.

    make_link  gives the address of a link that signs in to the page; only a terminal is shown one
    Raises     OSError when they could not be kept: nobody may have seen them
    """
    text = _WELCOME.format(url=url, **made._asdict()) + (_FILL_IN if YOUR_NAME in url else "")
    # A log of JSON is kept for long, and by others: no line of it holds a key.
    if not is_json_wanted() and say(text) and sys.stdout.isatty():
        if make_link is not None:
            say(_OPEN_PAGE.format(link=make_link()))
        return
    # Nobody may be looking, and a log may be rotated away.
    path = _kept(made, folder)
    tell(f"The keys of the first project are in {shown(path)} (mode 600). Delete it once they are somewhere safe.")


def remind_of_keys(project_ids: Iterable[str], folder: str) -> None:
    """Say that first keys of these projects still lie in the folder: whoever started it then may not have looked."""
    known = set(project_ids)
    for path in sorted(glob(os.path.join(escape(folder), "drengr-keys*.json"))):
        with suppress(OSError, ValueError, TypeError, KeyError), open(path, encoding="utf-8") as file:
            if json.load(file)["project_id"] in known:
                tell(f"The keys of the first start are in {shown(path)}. Delete it once they are somewhere safe.")


def _kept(made: NewProject, folder: str) -> str:
    """The path of a new file with the keys; one that is there already belongs to another database."""
    for path in _names(folder):
        with suppress(FileExistsError):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            break
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(made._asdict(), file, indent=2)
        if os.geteuid() == 0:  # what root makes belongs to the folder's owner
            owner = os.stat(folder)
            os.chown(path, owner.st_uid, owner.st_gid)
    except OSError:
        os.unlink(path)
        raise
    return path


def _names(folder: str) -> Iterator[str]:
    yield os.path.join(folder, "drengr-keys.json")
    number = 2
    while True:
        yield os.path.join(folder, f"drengr-keys-{number}.json")
        number += 1
