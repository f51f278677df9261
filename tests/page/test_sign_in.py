"""In and out of the page, and what thieves and other sites try: contract 12, Sign-in, CSRF."""

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from itsdangerous import URLSafeSerializer

from drengr.store.sessions import IDLE_MS, LINK_MS
from tests.api.test_import_file import many
from tests.service import Service

FORM = "/ui/sign-in"


def sign_in_answer(client, key, next="", **headers):
    return client.post(FORM, data={"key": key, "next": next}, headers=headers)


def signed_in(client) -> bool:
    return client.get("/ui/").headers["Location"] != FORM


@pytest.fixture
def thief(app):
    """A second browser."""
    return app.test_client()


@pytest.fixture
def steal(client, thief):
    """steal() copies the cookies of the client into the thief's browser."""

    def copy() -> None:
        for cookie in client._cookies.values():
            thief.set_cookie(cookie.key, cookie.value, path=cookie.path)

    return copy


def test_a_pasted_key_opens_its_project_also_with_blanks_around_it(client, tenant):
    answer = sign_in_answer(client, f" \t{tenant.secret_key}\r\n")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/ui/{tenant.project_id}/")
    assert client.get(answer.headers["Location"]).status_code == 200


@pytest.mark.parametrize("key", ["", "drengr_sk_wrong", "\x00", "x" * 60_000, "ключ"])
def test_what_is_no_key_opens_nothing_and_is_not_repeated(client, key):
    answer = sign_in_answer(client, key)
    assert answer.status_code == 403 and "Set-Cookie" not in answer.headers
    assert not key.strip("\x00") or key not in answer.text


def test_a_publishable_key_is_told_for_what_it_is(client, tenant):
    answer = sign_in_answer(client, tenant.publishable_key)
    assert answer.status_code == 403 and "publishable" in answer.text


def test_a_revoked_key_signs_nobody_in_and_ends_its_sessions(client, here, tenant, store):
    store.revoke_key(tenant.secret_key)
    assert client.get(here).status_code == 303
    assert sign_in_answer(client, tenant.secret_key).status_code == 403


# --- links -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def link(store, tenant, clock):
    return "/ui/link/" + store.make_link([tenant.project.id], clock.now_ms)


def test_a_link_signs_in_once(client, thief, link, tenant):
    assert client.get(link).status_code == 303
    assert client.get("/ui/").headers["Location"] == f"/ui/{tenant.project_id}/"
    again = thief.get(link)
    assert again.status_code == 403 and "drengr ui" in again.text
    assert not signed_in(thief)


AHEAD = [{"Sec-Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}, {"X-Moz": "prefetch"}]


@pytest.mark.parametrize("headers", AHEAD)
def test_looking_at_a_link_ahead_does_not_use_it(client, link, headers):
    assert client.head(link).status_code == 204
    assert client.get(link, headers=headers).status_code == 204
    assert not signed_in(client)
    client.get(link)
    assert signed_in(client)


def test_a_link_is_good_for_ten_minutes(client, link, clock):
    clock.now_ms += LINK_MS
    assert client.get(link).status_code == 403


def test_who_is_signed_in_to_several_projects_chooses(client, store, tenant, make_tenant, clock):
    other = make_tenant("other")
    link = store.make_link([tenant.project.id, other.project.id], clock.now_ms)
    client.get(f"/ui/link/{link}")
    page = client.get("/ui/").text
    assert f"/ui/{tenant.project_id}/" in page and f"/ui/{other.project_id}/" in page


def test_signing_in_to_another_project_keeps_the_first_open(client, here, make_tenant, sign_in):
    there = sign_in(make_tenant("other"))
    assert client.get(here).status_code == client.get(there).status_code == 200


# --- out -------------------------------------------------------------------------------------------------------------


def test_after_sign_out_a_stolen_cookie_opens_nothing(client, thief, here, steal):
    steal()
    assert thief.get(here).status_code == 200
    assert client.post("/ui/sign-out").status_code == 303
    assert thief.get(here).status_code == client.get(here).status_code == 303


def test_everywhere_ends_the_sessions_of_all_browsers(client, thief, here, tenant):
    sign_in_answer(thief, tenant.secret_key)
    assert client.post(f"{here}/sign-out-everywhere").status_code == 303
    assert thief.get(here).status_code == client.get(here).status_code == 303


def test_thirty_idle_days_end_a_session_and_use_keeps_it(client, here, clock):
    for _ in range(3):
        clock.now_ms += IDLE_MS - 1
        answer = client.get(here)
        assert answer.status_code == 200 and "Max-Age=2592000" in answer.headers["Set-Cookie"]
    clock.now_ms += IDLE_MS
    assert client.get(here).status_code == 303


def test_the_live_poll_is_no_use(client, here, clock):
    clock.now_ms += IDLE_MS - 1
    assert client.get(f"{here}/live/rows?after=0").status_code == 200
    assert client.get(f"{here}/arrived").status_code == 200
    clock.now_ms += 1
    assert client.get(f"{here}/live/rows?after=0").status_code == 401


# --- the cookie ------------------------------------------------------------------------------------------------------


def test_a_session_that_somebody_else_planted_is_not_the_one_that_signs_in(client, thief, tenant, make_tenant, steal):
    """Session fixation: the victim's browser has the thief's cookie when the victim signs in."""
    theirs = make_tenant("theirs")
    sign_in_answer(client, theirs.secret_key)  # the planted session; the thief keeps a copy
    steal()
    sign_in_answer(client, tenant.secret_key)  # the victim
    assert client.get(f"/ui/{tenant.project_id}/").status_code == 200
    assert thief.get(f"/ui/{tenant.project_id}/").status_code == 303
    assert not signed_in(thief)


def test_each_sign_in_has_a_number_of_its_own(client, tenant, cookie_of):
    values = {cookie_of(sign_in_answer(client, tenant.secret_key))[1] for _ in range(3)}
    assert len(values) == 3


def test_the_cookie_is_named_for_the_database_and_kept_from_scripts_and_other_sites(client, tenant, store, cookie_of):
    name, _, attributes = cookie_of(sign_in_answer(client, tenant.secret_key))
    assert name == f"drengr_ui_{store.database_id()[:8]}"
    assert {"HttpOnly", "SameSite=Lax", "Path=/ui/"} <= set(attributes.split("; "))
    assert "Secure" not in attributes.split("; ")


def test_a_cookie_signed_with_another_secret_opens_nothing(client, here, cookie_of, store, tenant):
    name, value, _ = cookie_of(sign_in_answer(client, tenant.secret_key))
    token = URLSafeSerializer(store.signing_secret(), salt="drengr.page.session").loads(value)
    stranger = URLSafeSerializer("another secret", salt="drengr.page.session")
    for forged in (token, value[:-8] + "aaaaaaaa", stranger.dumps(token), "", "."):
        client.set_cookie(name, forged, path="/ui/")
        assert client.get(here).status_code == 303


class TestBehindAProxy:
    @pytest.fixture
    def settings(self):
        return {"DRENGR_PROXIES": "1"}

    def test_the_cookie_is_secure_and_lies_below_the_prefix(self, client, tenant, cookie_of):
        headers = {
            "X-Forwarded-Proto": "https", "X-Forwarded-Host": "events.example", "X-Forwarded-Prefix": "/events",
            "Origin": "https://events.example",
        }  # fmt: skip
        answer = sign_in_answer(client, tenant.secret_key, "/events/ui/x?y=1", **headers)
        assert answer.headers["Location"] == "/events/ui/x?y=1"
        assert {"Secure", "HttpOnly", "Path=/events/ui/"} <= set(cookie_of(answer)[2].split("; "))
        page = client.get("/ui/sign-in", headers=headers).text
        addresses = re.findall(r'(?:href|src|action)="([^"#]*)"', page)
        assert addresses and all(address.startswith("/events/ui/") for address in addresses)

    def test_plain_http_from_afar_is_refused_there_too(self, client):
        headers = {"X-Forwarded-Host": "events.example", "X-Forwarded-Proto": "http"}
        assert client.get(FORM, headers=headers).status_code == 403


def test_without_the_setting_no_word_of_a_proxy_is_believed(client, tenant, cookie_of):
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/events", "X-Forwarded-Host": "evil.example"}
    answer = sign_in_answer(client, tenant.secret_key, **headers)
    assert answer.headers["Location"] == f"/ui/{tenant.project_id}/"
    attributes = cookie_of(answer)[2].split("; ")
    assert "Path=/ui/" in attributes and "Secure" not in attributes


# --- plain HTTP ------------------------------------------------------------------------------------------------------

AFAR = "http://192.0.2.7:8000"


def test_over_plain_http_from_afar_nobody_signs_in_and_the_page_says_what_to_do(client, tenant, link):
    for answer in (client.get(FORM, base_url=AFAR), client.get(link, base_url=AFAR)):
        assert answer.status_code == 403
        assert all(word in answer.text for word in ("DRENGR_UI_INSECURE=1", "HTTPS", "ssh -L"))
    assert client.post(FORM, data={"key": tenant.secret_key}, base_url=AFAR).status_code == 403
    assert client.get(link).status_code == 303  # it was not used up


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "127.1.2.3:80", "[::1]:8000"])
def test_this_very_machine_may_speak_plain_http(client, host):
    assert client.get(FORM, base_url=f"http://{host}").status_code == 200


class TestInsecure:
    @pytest.fixture
    def settings(self):
        return {"DRENGR_UI_INSECURE": "1"}

    def test_the_operator_may_allow_a_form_over_plain_http(self, client, tenant):
        headers = {"Origin": AFAR, "Host": "192.0.2.7:8000"}
        assert client.get(FORM, base_url=AFAR).status_code == 200
        answer = client.post(FORM, data={"key": tenant.secret_key}, headers=headers, base_url=AFAR)
        assert answer.status_code == 303
        assert client.get(f"/ui/{tenant.project_id}/", base_url=AFAR).status_code == 200


# --- other sites -----------------------------------------------------------------------------------------------------

MALICIOUS = [
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "null"},
    {"Origin": "https://evil.example"}, {"Origin": "http://localhost:81"}, {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://localhost@evil.example"}, {"Origin": "http://localhost:99999"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
]  # fmt: skip
OURS = [
    {}, {"Origin": "http://localhost"}, {"Origin": "http://localhost:80"}, {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
]  # fmt: skip


@pytest.mark.parametrize("headers", MALICIOUS)
def test_what_another_sites_page_sends_is_refused(client, here, tenant, rows, headers):
    assert sign_in_answer(client, tenant.secret_key, **headers).status_code == 403
    assert client.post("/ui/sign-out", headers=headers).status_code == 403
    assert client.post(f"{here}/sign-out-everywhere", headers=headers).status_code == 403
    assert client.post(f"{here}/import/file?source=amplitude", data=many(1), headers=headers).status_code == 403
    assert client.get(here).status_code == 200 and rows() == []


@pytest.mark.parametrize("headers", OURS)
def test_what_our_own_page_sends_is_taken(client, tenant, headers):
    assert sign_in_answer(client, tenant.secret_key, **headers).status_code == 303


NOT_FOLLOWED = [
    "https://evil.example/", "//evil.example/ui/", "/\\evil.example", "/ui/../../evil", "/ui/%2e%2e/x", "/uix", "ui/",
    "/ui/\nSet-Cookie: a=b", "javascript:alert(1)", "/ui/\\evil", "/ui/" + "x" * 3000, "/%75i/", "",
]  # fmt: skip


@pytest.mark.parametrize("next", NOT_FOLLOWED)
def test_next_leads_nowhere_but_below_ui(client, tenant, next):
    assert sign_in_answer(client, tenant.secret_key, next).headers["Location"] == f"/ui/{tenant.project_id}/"


def test_next_leads_back_to_what_was_asked_for(client, tenant):
    asked = f"/ui/{tenant.project_id}/people/one?external_id=a%20b&x=%2F.."
    form = client.get(asked, follow_redirects=True).text
    found = re.search(r'name="next" value="([^"]*)"', form)[1].replace("&amp;", "&")
    assert client.get(found).headers["Location"] == client.get(asked).headers["Location"]
    assert sign_in_answer(client, tenant.secret_key, found).headers["Location"] == found


# --- a flood ---------------------------------------------------------------------------------------------------------


def test_after_twenty_wrong_keys_in_a_minute_no_pasted_key_is_looked_at(client, tenant, link, clock):
    clock.now_ms += 3_600_000 - clock.now_ms % 60_000  # a minute that no other test has used
    statuses = [sign_in_answer(client, f"drengr_sk_{number}").status_code for number in range(22)]
    assert statuses == [403] * 20 + [429] * 2
    refused = sign_in_answer(client, tenant.secret_key)
    assert refused.status_code == 429 and 0 < int(refused.headers["Retry-After"]) <= 60
    assert client.get(FORM).status_code == 200
    clock.now_ms += 60_000
    assert sign_in_answer(client, tenant.secret_key).status_code == 303


def test_a_link_works_in_a_flood_and_good_keys_are_no_failures(client, tenant, link, clock):
    clock.now_ms += 7_200_000 - clock.now_ms % 60_000
    for _ in range(25):
        assert sign_in_answer(client, tenant.secret_key).status_code == 303
    for number in range(20):
        sign_in_answer(client, f"drengr_sk_{number}")
    assert sign_in_answer(client, tenant.secret_key).status_code == 429
    client.post("/ui/sign-out")


def test_the_limit_is_that_of_all_workers_together(tmp_path):
    with Service(tmp_path / "events.db", WEB_CONCURRENCY="2") as service:

        def tried(number: int) -> int:
            try:
                with urlopen(f"{service.url}/ui/sign-in", f"key=drengr_sk_{number}".encode()) as answer:
                    return answer.status
            except HTTPError as refused:
                with refused:
                    return refused.code

        with ThreadPoolExecutor(8) as pool:
            statuses = Counter(pool.map(tried, range(60)))
    assert set(statuses) == {403, 429}
    assert 20 <= statuses[403] <= 40  # more than 20: a minute began meanwhile
