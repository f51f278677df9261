"""Where the service listens, and what an app calls it."""

import os
import socket
from typing import NamedTuple

from drengr.config import Config

_ANYWHERE = ("", "0.0.0.0", "::")
YOUR_NAME = "PUT-YOUR-NAME-HERE"
_SYSTEMDS_FIRST = 3  # the file number


class Address(NamedTuple):
    """How an address is told: as it is, and as the URL for apps, which may have to be filled in."""

    text: str
    url: str


def address_of(where: tuple | str | bytes) -> Address:
    """
    >>> address_of(("127.0.0.1", 8000)).url, address_of(("::1", 8000, 0, 0)).url
    ('http://127.0.0.1:8000', 'http://[::1]:8000')
    >>> address_of(("0.0.0.0", 80)).url, address_of("/run/drengr.sock")
    ('http://PUT-YOUR-NAME-HERE:80', Address(text='unix:/run/drengr.sock', url='https://PUT-YOUR-NAME-HERE'))
    """
    if not isinstance(where, tuple):
        path = os.fsdecode(where)
        return Address(f"unix:{path}", f"https://{YOUR_NAME}")
    host, port = where[:2]
    text = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    return Address(text, f"http://{YOUR_NAME}:{port}" if host in _ANYWHERE else text)


def link_url(config: Config, link: str, url: str | None = None) -> str:
    """The address of a link that signs in to the page.

    url  where the service is reached; None: from this very machine, where plain HTTP is no danger
    """
    if url is None:
        host, port = config["HOST"], config["PORT"]
        url = address_of(("127.0.0.1" if host in _ANYWHERE else host, port)).url
    return f"{url.rstrip('/')}/ui/link/{link}"


def inherited() -> list[tuple | str | bytes]:
    """The addresses of sockets that systemd, or an older process of this service (SIGUSR2), opened for this one."""
    numbers = [int(number) for number in os.environ.get("GUNICORN_FD", "").split(",") if number]
    if os.environ.get("LISTEN_PID") == str(os.getpid()):
        numbers = [_SYSTEMDS_FIRST + place for place in range(int(os.environ.get("LISTEN_FDS", "0")))]
    addresses = []
    for number in numbers:
        with socket.socket(fileno=os.dup(number)) as listener:
            addresses.append(listener.getsockname())
    return addresses
