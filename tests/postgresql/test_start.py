"""What a start meets: one sentence each, exit code 3, and no password, host or user in any of them: contract 13."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import closing

import pytest

from drengr import create_app
from drengr.store import DatabaseError, TooLong, Unreachable, exists, open_store
from drengr.store.postgresql import schema
from tests.cluster import FAST, Cluster, require_postgresql
from tests.faults.clients import batch, post
from tests.service import Service, free_port

PASSWORD, ROLE = "s3cret-pass", "some_role"


def run(location: str, folder, *words: str, **settings: str):
    """(exit code, output) of one command."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("DRENGR_", "PG"))}
    environment |= {"DRENGR_DATABASE": location, "DRENGR_FOLDER": str(folder), "HOST": "127.0.0.1", **settings}
    command = [sys.executable, "-m", "drengr", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def strict():
    """A server on loopback that wants passwords, with a role that may only log in."""
    require_postgresql()
    with Cluster(*FAST, port=free_port(), auth="scram-sha-256") as started:
        started.execute("postgres", f"CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'")
        yield started


CANNOT = {
    "wrong password": (lambda s: s.url(s.make_database(), ROLE, "wr0ng"), "does not accept the password"),
    "unknown role": (lambda s: s.url(s.make_database(), "nobody_here", PASSWORD), "password"),
    "unknown database": (lambda s: s.url("no_such_database", ROLE, PASSWORD), "no database of this name"),
    "no right to make tables": (lambda s: s.url(s.make_database(), ROLE, PASSWORD), "drengr db migrate"),
    "LATIN1": (
        lambda s: s.url(s.make_database("ENCODING LATIN1 LOCALE 'C' TEMPLATE template0")), "encoding is LATIN1",
    ),
    "no URL": (lambda s: f"postgresql://{ROLE}:{PASSWORD}@127.0.0.1:port/x", "no URL that PostgreSQL's libpq can read"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "sentence"), CANNOT.values(), ids=CANNOT)
def test_what_cannot_be_mended_by_waiting_ends_the_start_at_once(strict, tmp_path, make, sentence):
    location = make(strict)
    code, output = run(location, tmp_path, "serve", PORT=str(free_port()), DRENGR_DATABASE_WAIT="86400")
    assert (code, sentence in output) == (3, True), output
    for secret in (PASSWORD, "wr0ng", ROLE, "nobody_here", "127.0.0.1:" + str(strict.port), "Traceback"):
        assert secret not in output


def test_a_server_that_is_away_is_waited_for_with_a_sentence_a_try(tmp_path):
    location = f"postgresql://{ROLE}:{PASSWORD}@127.0.0.1:{free_port()}/x"
    code, output = run(location, tmp_path, "serve", PORT=str(free_port()), DRENGR_DATABASE_WAIT="4")
    assert code == 3 and 1 <= output.count("PostgreSQL cannot be reached. Trying again.") <= 6
    assert PASSWORD not in output and ROLE not in output and "Traceback" not in output
    code, output = run(location, tmp_path, "project", "list")
    assert code == 1 and "PostgreSQL cannot be reached" in output and PASSWORD not in output


def test_a_worker_holds_no_more_connections_than_it_may(url):
    store = create_app({"DRENGR_DATABASE": url, "DRENGR_CONNECTIONS": "1"}).extensions["drengr"].store
    with closing(store), store.database.snapshot(), pytest.raises(TooLong), store.limited(0.05):
        store.projects()


def test_commands_that_read_make_nothing(url, tmp_path):
    assert exists(url) is False
    for words in (("tail",), ("project", "list"), ("verify",), ("count", "--since", "1d")):
        code, output = run(url, tmp_path, *words)
        assert (code, "There is no database PostgreSQL yet" in output) == (2, True), output
    for access in ("read", "inspect"):
        with pytest.raises(DatabaseError, match="has no tables"):
            open_store(url, access=access)
    assert exists(url) is False


def test_tables_are_made_for_a_role_that_may_not(strict, tmp_path):
    name = strict.make_database()
    code, output = run(strict.url(name), tmp_path, "db", "migrate")
    assert (code, "Done." in output) == (0, True), output
    strict.execute(name, f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {ROLE}")
    strict.execute(name, f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {ROLE}")
    code, output = run(strict.url(name, ROLE, PASSWORD), tmp_path, "project", "create", "shop")
    assert code == 0 and "drengr_pk_" in output, output


def test_tables_of_another_program_are_left_alone(cluster, url):
    cluster.execute(url.rpartition("/")[2], "CREATE TABLE projects (x integer)")
    with pytest.raises(DatabaseError, match="holds tables of another program"):
        open_store(url)


def test_tables_of_a_version_newer_by_one_are_used_and_by_two_refused(cluster, url, open_another):
    open_another().make_project("shop")
    database = url.rpartition("/")[2]
    cluster.execute(database, "INSERT INTO migrations VALUES ('9001_next', 0)")
    assert [project.name for project in open_another().projects()] == ["shop"]
    cluster.execute(database, "INSERT INTO migrations VALUES ('9002_after', 0)")
    with pytest.raises(DatabaseError, match=r"newer version of Drengr \(9002_after\)"):
        open_store(url)


def test_an_older_database_is_upgraded_by_who_starts_the_service(cluster, url, open_another, tmp_path, monkeypatch):
    open_another()
    for script in schema.MIGRATIONS.glob("*.sql"):
        shutil.copy(script, tmp_path)
    (tmp_path / "9000_more.sql").write_text("CREATE TABLE more (id bigint)")
    monkeypatch.setattr("drengr.store.postgresql.schema.MIGRATIONS", tmp_path)
    with pytest.raises(DatabaseError, match=r"older version of Drengr \(9000_more\): drengr db migrate"):
        open_store(url)
    open_another(access="inspect")
    open_another(access="upgrade")
    assert cluster.execute(url.rpartition("/")[2], "SELECT count(*) FROM more") == [(0,)]
    open_another()


def test_a_worker_that_starts_while_the_server_is_away_serves_once_it_is_back(durable):
    location = durable.url(durable.make_database())
    open_store(location).close()
    durable.stop()
    store = open_store(location, reachable=False)
    with pytest.raises(Unreachable):
        store.projects()
    durable.start()
    assert store.projects() == []
    store.close()


def test_a_service_answers_as_with_a_file_and_its_log_holds_no_secret(strict, tmp_path):
    location = strict.url(strict.make_database())
    folder = tmp_path / "folder"
    folder.mkdir()
    service = Service(tmp_path / "unused.db", DRENGR_DATABASE=location, DRENGR_FOLDER=str(folder), WEB_CONCURRENCY="2")
    with service:
        key = service.project("shop")["publishable_key"]
        body = json.dumps({"api_key": key, "events": batch(20)}).encode()
        assert post(service, body).body["events_ingested"] == 20
        strict.stop()
        refused = post(service, body)
        assert refused.status == 503 and "cannot be" in refused.body["error"]
        strict.start()
        assert post(service, body).status == 200
        assert "20 events" in service.command("count", "--since", "89d", "--project", "shop")
        assert service.stop() == 0
    assert sorted(path.name for path in folder.iterdir()) == ["drengr-keys.json"]
    log = service.log_text() + json.dumps(refused.body)
    for secret in ("pass-word-5", "owner", str(strict.port)):
        assert secret not in log
