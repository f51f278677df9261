"""Every setting as data: name, default, unit, one line of help (contract 7). docs/settings.md is checked against it."""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from drengr.events.properties import SensitiveKeys

_NO_KEY = re.compile("[\"'`\u201c\u201d\u2018\u2019;*\\[\\]{}()<>\\x00-\\x1f]")
_NO_WORD = re.compile(rf"{_NO_KEY.pattern}|\s")
# What was meant as a server's address, and may hold a password: "postgresql:/me:…", "host=db password=…".
_ADDRESS = re.compile(r"[^/]*?\w:|.*://|.*\bpassword\s*=", re.IGNORECASE)
_VENDOR_PREFIX = re.compile(r"^\[[\w ]+\] ")  # of a real key: [Amplitude] Screen Name


class BadSetting(ValueError):
    """A setting's value cannot be used; the text names the setting and says what it takes."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable."""

    name: str
    default: str
    unit: str
    help: str
    read: Callable[[str], object]


def _between(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.strip().isdecimal() and low <= int(text) <= high):
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return read


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.upper() not in choices:
            raise ValueError(" or ".join(choices))
        return text.upper()

    return read


def _words(text: str) -> tuple[str, ...]:
    """Words of a list. What docker's env files, JSON or a shell leave in it is refused: it would match nothing."""
    words = _listed(text)
    if any(_NO_WORD.search(word) for word in words):
        raise ValueError("words separated by commas, such as iban,secret, without quotes, brackets, blanks, ; or *")
    return words


def _keys(text: str) -> tuple[str, ...]:
    keys = _listed(text)
    if any(_NO_KEY.search(_VENDOR_PREFIX.sub("", key)) for key in keys):
        raise ValueError("full keys separated by commas, such as product_name, without quotes, brackets, ; or *")
    return keys


def _listed(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _path(text: str) -> str:
    if not text.strip() or "\0" in text or _ADDRESS.match(text):
        raise ValueError("a path, or postgresql://…")
    return os.path.abspath(text)


def _path_or_url(text: str) -> str:
    return text.strip() if _is_url(text.strip()) else _path(text)


def _is_url(text: str) -> bool:
    return text.startswith(("postgresql://", "postgres://"))


def _path_or_nothing(text: str) -> str:
    return _path(text) if text else ""


SETTINGS = (
    Setting("HOST", "127.0.0.1", "address", "Address to listen on.", str),
    Setting("PORT", "8000", "port", "Port to listen on.", _between(1, 65535)),
    Setting("WEB_CONCURRENCY", "2", "processes", "Worker processes; with as many as cores, each keeps to one.",
            _between(1, 64)),
    Setting("DRENGR_THREADS", "128", "threads", "Most threads of a worker: requests that "
            "are answered at the same moment. Started as they are needed.",
            _between(1, 1000)),
    Setting("DRENGR_DATABASE", "drengr.db", "path or URL", "The SQLite file, made when it is missing; or "
            "`postgresql://…`, see docs/postgresql.md.", _path_or_url),
    Setting("DRENGR_FOLDER", "", "path", "Where the file with the first keys and large uploads lie. Default: the "
            "folder of the SQLite file; with PostgreSQL the current folder.", _path_or_nothing),
    Setting("DRENGR_CONNECTIONS", "8", "connections", "PostgreSQL: the most that a worker holds.", _between(1, 1000)),
    Setting("DRENGR_DATABASE_WAIT", "30", "seconds", "PostgreSQL: how long the start waits until it can be reached.",
            _between(0, 86400)),
    Setting("DRENGR_SYNCHRONOUS", "FULL", "FULL or NORMAL", "NORMAL answers before the disk has flushed: a power cut "
            "can lose the last seconds, a killed process still loses nothing.", _one_of("FULL", "NORMAL")),
    Setting("DRENGR_DAILY_EVENT_QUOTA", "5000000", "events", "Events a project may send live per UTC day; then 429.",
            _between(0, 10**12)),
    Setting("DRENGR_ALLOWED_KEYS", "", "keys, comma-separated", "Full property keys kept although they look "
            "sensitive, such as product_name.", _keys),
    Setting("DRENGR_SENSITIVE_WORDS", "", "words, comma-separated", "Words that make a property key sensitive, "
            "beside the built-in ones.", _words),
    Setting("DRENGR_KEEP_FIELDS", "revenue,price,quantity", "fields, comma-separated", "Fields of a live event, beside "
            "its properties, that are kept like properties. Web apps may add platform.", _words),
    Setting("DRENGR_IN_FLIGHT", "16", "requests", "Requests a worker works on at once; past it, one waits at most half "
            "a second for its turn and is answered 503.", _between(1, 1000)),
    Setting("DRENGR_BODY_SECONDS", "30", "seconds", "Time a client has to send its headers and, apart from whole "
            "files, its body.", _between(1, 3600)),
    Setting("DRENGR_LOG", "text", "text or json", "json: every line of the service is one JSON object.",
            lambda text: _one_of("TEXT", "JSON")(text).lower()),
    Setting("DRENGR_METRICS_TOKEN", "", "text", "Opens /metrics to whoever sends it as a Bearer token; without it "
            "there is no such page.", str.strip),
    Setting("DRENGR_UI", "on", "on or off", "off: there is no page, everything under /ui/ is 404.",
            lambda text: _one_of("ON", "OFF")(text).lower()),
    Setting("DRENGR_UI_INSECURE", "0", "0 or 1", "1: the page also works over plain HTTP from other machines; keys and "
            "events travel readable.", _between(0, 1)),
    Setting("DRENGR_PROXIES", "0", "proxies", "How many proxies in a row are trusted to say in X-Forwarded-For, "
            "-Proto, -Host and -Prefix how they were asked; 0: those headers are ignored.", _between(0, 10)),
    Setting("DRENGR_MAX_LINE_BYTES", "8388608", "bytes", "Longest row of an imported file; a longer one is skipped.",
            _between(1024, 2**30)),
    Setting("DRENGR_MAX_FILE_BYTES", "1099511627776", "bytes", "Largest inflated size of one upload or imported file.",
            _between(1024, 2**50)),
    Setting("DRENGR_MAX_ZIP_MEMBERS", "100000", "files", "Most files inside one zip.", _between(1, 10**7)),
    Setting("DRENGR_MAX_RATIO", "1000", "times", "Largest ratio of inflated to packed size, counted past the first "
            "10 MiB.", _between(2, 10**6)),
)


@dataclass(frozen=True)
class Config:
    """The settings in force; read one with config["DRENGR_DATABASE"]."""

    values: Mapping[str, object]

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    @property
    def on_server(self) -> bool:
        """Whether the database is PostgreSQL's, and no file of this machine."""
        return _is_url(self["DRENGR_DATABASE"])

    @property
    def folder(self) -> str:
        """Where this machine keeps what is not in the database."""
        default = os.getcwd() if self.on_server else os.path.dirname(self["DRENGR_DATABASE"])
        return self["DRENGR_FOLDER"] or default

    @property
    def database_shown(self) -> str:
        """The database as it may be printed: a URL may hold a password."""
        return "PostgreSQL" if self.on_server else self["DRENGR_DATABASE"]

    @property
    def sensitive_keys(self) -> SensitiveKeys:
        """The rule of contract 3.3 with the operator's words and exceptions."""
        return SensitiveKeys(self["DRENGR_SENSITIVE_WORDS"], self["DRENGR_ALLOWED_KEYS"])


def read_config(environ: Mapping[str, str] | None = None) -> Config:
    """The settings of an environment, by default the process's.

    Raises  BadSetting for the first value that cannot be used
    """
    environ = os.environ if environ is None else environ
    return Config({setting.name: _value(setting, environ.get(setting.name, "")) for setting in SETTINGS})


SHAPING = ("DRENGR_ALLOWED_KEYS", "DRENGR_SENSITIVE_WORDS", "DRENGR_KEEP_FIELDS")  # they shape events


def rules_of(config: Config) -> dict[str, str]:
    """The settings that shape events, as the database keeps them: {"DRENGR_ALLOWED_KEYS": "product_name,plan_name"}."""
    return {name: ",".join(config[name]) for name in SHAPING if name in config.values}


def with_rules(config: Config, rules: Mapping[str, str]) -> Config:
    """The settings, with those that shape events as the database has them; unchanged where it has none."""
    kept = {name: _listed(rules[name]) for name in rules_of(config) if name in rules}
    return Config({**config.values, **kept})


def unknown_settings(environ: Iterable[str]) -> list[str]:
    """Names that look like ours and mean nothing: most likely misspelt."""
    known = {setting.name for setting in SETTINGS} | {"DRENGR_SECRET_KEY"}
    return sorted(name for name in environ if name.startswith("DRENGR_") and name not in known)


def _value(setting: Setting, text: str) -> object:
    try:
        return setting.read(text or setting.default)
    except ValueError as error:
        raise BadSetting(f"{setting.name}={_shown(text)} cannot be used: it takes {error}.") from error


def _shown(text: str) -> str:
    """The value as a message may have it. The address of a server may hold a password: only its kind is shown."""
    address = _ADDRESS.match(text)
    return repr(f"{re.split('[:=]', address[0])[0]}…" if address else text[:100])
