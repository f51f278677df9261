"""Settings: contract 7."""

import os

import pytest

from drengr.config import SETTINGS, BadSetting, read_config, unknown_settings
from drengr.files.zips import Limits
from drengr.importing import limits_of


def test_an_empty_environment_gives_the_documented_defaults():
    config = read_config({})
    assert (config["HOST"], config["PORT"], config["WEB_CONCURRENCY"]) == ("127.0.0.1", 8000, 2)
    assert config["DRENGR_DATABASE"] == os.path.abspath("drengr.db")
    assert config["DRENGR_DAILY_EVENT_QUOTA"] == 5_000_000
    assert config["DRENGR_SYNCHRONOUS"] == "FULL"
    assert config["DRENGR_ALLOWED_KEYS"] == config["DRENGR_SENSITIVE_WORDS"] == ()


def test_every_setting_has_a_unit_and_a_line_of_help():
    for setting in SETTINGS:
        assert setting.unit and setting.help.endswith("."), setting.name


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_an_empty_value_means_the_default(setting):
    assert read_config({setting.name: ""})[setting.name] == read_config({})[setting.name]


def test_each_limit_of_a_file_is_the_setting_of_its_name():
    config = read_config({"DRENGR_MAX_LINE_BYTES": "2000", "DRENGR_MAX_FILE_BYTES": "3000",
                          "DRENGR_MAX_ZIP_MEMBERS": "4", "DRENGR_MAX_RATIO": "5"})  # fmt: skip
    assert limits_of(config) == Limits(line_bytes=2000, file_bytes=3000, zip_members=4, ratio=5)


def test_words_are_separated_by_commas_and_blanks_do_not_count():
    config = read_config({"DRENGR_ALLOWED_KEYS": " product_name , ,user.$set.plan_name,"})
    assert config["DRENGR_ALLOWED_KEYS"] == ("product_name", "user.$set.plan_name")


def test_the_sensitive_rule_follows_the_settings():
    keys = read_config({"DRENGR_ALLOWED_KEYS": "product_name", "DRENGR_SENSITIVE_WORDS": "IBAN"}).sensitive_keys
    assert [keys.drops(key) for key in ("product_name", "my_iban", "user_name", "plan")] == [False, True, True, False]


@pytest.mark.parametrize("name", ["DRENGR_ALLOWED_KEYS", "DRENGR_SENSITIVE_WORDS"])
@pytest.mark.parametrize(
    "value",
    ['"iban,secret"', "'iban'", "iban;secret", '["iban"]', "[iban, secret]", "[iban]", "*iban*", "(iban)", "{iban}",
     "iban,\u201csecret\u201d", "iban\nsecret"],
)  # fmt: skip
def test_a_list_whose_words_cannot_be_meant_so_is_refused(name, value):
    """docker's env files keep quotes: the word matched nothing, and every key was stored without a word."""
    with pytest.raises(BadSetting, match=f"{name}=.* without quotes"):
        read_config({name: value})


def test_a_word_has_no_blanks_but_a_key_may():
    with pytest.raises(BadSetting, match="blanks"):
        read_config({"DRENGR_SENSITIVE_WORDS": "iban secret"})
    keys = "[Amplitude] Screen Name,user.$set.full name,a-b:c/d"
    assert read_config({"DRENGR_ALLOWED_KEYS": keys})["DRENGR_ALLOWED_KEYS"] == tuple(keys.split(","))


@pytest.mark.parametrize("url", ["postgresql://me:s3cret@host/db", "postgres://host/db?password=s3cret", "x://s3cret"])
def test_the_password_of_a_servers_address_is_never_printed(url):
    for name in ("DRENGR_FOLDER", "PORT", "DRENGR_SYNCHRONOUS"):
        with pytest.raises(BadSetting) as caught:
            read_config({name: url})
        assert "s3cret" not in str(caught.value) and name in str(caught.value)


@pytest.mark.parametrize(
    "address",
    ["postgresql:/me:s3cret@host/db", "postgres:me:s3cret@host", "host=db password=s3cret", "me:s3cret@host/db"],
)
def test_a_misspelt_address_of_a_server_is_no_path_and_its_password_is_never_printed(address):
    with pytest.raises(BadSetting) as caught:
        read_config({"DRENGR_DATABASE": address})
    assert "s3cret" not in str(caught.value) and "it takes a path, or postgresql://" in str(caught.value)


@pytest.mark.parametrize("path", ["a:b.db", "file:events.db", ":memory:", "sub/a:b.db", "/data/10:30.db"])
def test_a_path_with_a_colon_is_one_only_below_a_folder(path):
    if "/" in path:
        assert read_config({"DRENGR_DATABASE": path})["DRENGR_DATABASE"] == os.path.abspath(path)
        return
    with pytest.raises(BadSetting):
        read_config({"DRENGR_DATABASE": path})


def test_a_url_of_postgresql_is_taken_as_it_is_and_never_shown():
    url = "postgresql://me:s3cret@host:5433,other/db?target_session_attrs=read-write"
    config = read_config({"DRENGR_DATABASE": url})
    assert (config["DRENGR_DATABASE"], config.database_shown, config.folder) == (url, "PostgreSQL", os.getcwd())
    with pytest.raises(BadSetting) as caught:
        read_config({"DRENGR_DATABASE": "mysql://me:s3cret@host/db"})
    assert "s3cret" not in str(caught.value)


def test_what_stays_on_the_machine_lies_beside_the_file_unless_a_folder_is_named(tmp_path):
    assert read_config({"DRENGR_DATABASE": "/srv/drengr.db"}).folder == "/srv"
    assert read_config({"DRENGR_DATABASE": "/srv/drengr.db", "DRENGR_FOLDER": str(tmp_path)}).folder == str(tmp_path)


BAD = [
    ("PORT", "0"), ("PORT", "65536"), ("PORT", "http"), ("PORT", "-1"), ("PORT", "8000.5"), ("PORT", "9" * 5000),
    ("WEB_CONCURRENCY", "0"), ("WEB_CONCURRENCY", "many"), ("WEB_CONCURRENCY", "65"),
    ("DRENGR_DATABASE", "  "), ("DRENGR_DATABASE", "a\0b"),
    ("DRENGR_SYNCHRONOUS", "OFF"), ("DRENGR_DAILY_EVENT_QUOTA", "-5"), ("DRENGR_DAILY_EVENT_QUOTA", "1e6"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), BAD, ids=[f"{name}={value[:12]!r}" for name, value in BAD])
def test_a_bad_value_is_named_with_what_the_setting_takes(name, value):
    with pytest.raises(BadSetting) as caught:
        read_config({name: value})
    sentence = str(caught.value)
    assert sentence.startswith(f"{name}=") and "it takes" in sentence and sentence.endswith(".")
    assert "\n" not in sentence and len(sentence) < 300


def test_every_number_names_its_bounds_in_its_error():
    for setting in SETTINGS:
        if setting.default.isdecimal():
            with pytest.raises(BadSetting, match="a whole number from"):
                read_config({setting.name: "x"})


def test_a_misspelt_setting_is_found():
    assert unknown_settings({"DRENGR_DATABSE": "", "DRENGR_DATABASE": "", "DATABASE_URL": "", "HOST": ""}) == [
        "DRENGR_DATABSE"
    ]


def test_the_environment_of_the_process_is_the_default(monkeypatch):
    monkeypatch.setenv("PORT", "8123")
    assert read_config()["PORT"] == 8123
