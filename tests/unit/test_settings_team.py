"""Accounts want TLS by one of three ways, and whatever else is set has to fit; the first link is on stdout only."""

import itertools
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import ValidationError

from app.people import OPERATOR, first_link, invite
from app.server import _check_certificate, _front, tell_first_link
from app.settings import Settings
from app.settings_options import typed
from app.store import Account, Role, Store, accounts
from rlhb_core.errors import BadConfig
from rlhb_core.schema.record import describe

THREE_WAYS = "passwords want TLS, by one of three ways"
BEHIND: dict[str, Any] = {"team": True, "behind_proxy": True}
OPENID = {
    "openid_issuer": "https://idp.example.org",
    "openid_client_id": "rlhb",
    "openid_client_secret": "a secret",
}
LONG = "x" * 32


@pytest.fixture
def tls(tmp_path: Path) -> dict[str, Any]:
    for name in ("certificate", "key"):
        (tmp_path / name).write_text("")
    return {"tls_certificate": tmp_path / "certificate", "tls_key": tmp_path / "key"}


def why_not(**chosen: Any) -> str:
    """What `rlhb serve` says to these settings; empty if it starts."""
    try:
        Settings(**chosen)
    except ValidationError as error:
        return describe(error, typed)
    return ""


# --- the three ways -------------------------------------------------------------------------------------


def test_accounts_take_exactly_one_way_to_tls(tls: dict[str, Any]):
    ways: list[dict[str, Any]] = [tls, {"behind_proxy": True}, {"insecure_http": True}]
    for chosen in itertools.product((False, True), repeat=3):
        options: dict[str, Any] = {"team": True}
        for way in itertools.compress(ways, chosen):
            options |= way
        told = why_not(**options)
        assert (told == "") is (sum(chosen) == 1), (chosen, told)
        if told:
            assert THREE_WAYS in told
            assert "--behind-proxy" in told
            assert "--tls-certificate" in told
            assert "--insecure-http" in told


def test_the_command_says_so_and_ends(tmp_path: Path):
    command = [sys.executable, "-m", "app.cli", "serve", "--team"]
    environment = os.environ | {"RLHB_DATA_DIR": str(tmp_path / "data")}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"rlhb: {THREE_WAYS}")
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "data").exists()


def test_without_accounts_there_is_nothing_to_protect_by_tls(tls: dict[str, Any]):
    for way in (tls, {"behind_proxy": True}, {"insecure_http": True}):
        assert "only a server with accounts speaks TLS" in why_not(**way)


def test_a_certificate_and_its_key_belong_together_and_are_files(tls: dict[str, Any]):
    for name in tls:
        assert "belong together" in why_not(team=True, **{name: tls[name]})
    missing = tls | {"tls_key": Path("/nowhere/key.pem")}
    assert "there is no file /nowhere/key.pem" in why_not(team=True, **missing)
    with pytest.raises(BadConfig, match="cannot be used"):  # both are empty
        _check_certificate(Settings(team=True, **tls))


@pytest.mark.parametrize(
    ("host", "fits"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("192.168.1.5", True),
        ("10.0.0.5", True),
        ("fd00::5", True),
        ("0.0.0.0", False),
        ("::", False),
        ("8.8.8.8", False),
        ("2606:4700::1111", False),
        ("label.example.org", False),
    ],
)
def test_no_passwords_in_the_clear_beyond_ones_own_network(host: str, fits: bool):
    told = why_not(team=True, insecure_http=True, host=host)
    assert told == "" if fits else f"{host} is neither" in told


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "label.example.org"])
def test_alone_a_server_stays_on_loopback(host: str):
    told = why_not(host=host)
    assert f"host {host} can be reached by other machines" in told
    assert "--team" in told
    assert "--allow-remote" in told
    assert why_not(host=host, allow_remote=True) == ""
    assert why_not(host=host, **BEHIND) == ""


# --- what belongs to a way -----------------------------------------------------------------------------


def test_a_public_address_is_an_origin_over_tls():
    good = ("https://label.example.org", "https://label.example.org:8443/", "https://[fd00::5]:443")
    for url in good:
        assert why_not(public_url=url, **BEHIND) == ""
    for url in ("label.example.org", "https://x/path", "https://a b", "https://u:p@x", "ftp://x"):
        assert "an address without a path" in why_not(public_url=url, **BEHIND)
    assert "begins with https://" in why_not(public_url="http://x", **BEHIND)
    assert why_not(public_url="http://label", team=True, insecure_http=True) == ""


def test_openid_takes_all_of_it_and_an_address_to_come_back_to():
    whole = OPENID | {"public_url": "https://label.example.org"}
    assert why_not(**BEHIND, **whole) == ""
    for name in whole:
        told = why_not(**BEHIND, **{key: value for key, value in whole.items() if key != name})
        assert "signing in by OpenID Connect takes team, openid_issuer" in told, name
    assert "signing in by OpenID Connect takes team" in why_not(**whole)
    assert why_not(team=True, insecure_http=True, **OPENID) == ""  # it knows where it listens


@pytest.mark.parametrize(
    ("issuer", "fits"),
    [
        ("https://idp.example.org/realms/one", True),
        ("http://127.0.0.1:9400", True),
        ("http://192.168.1.9:8080", True),
        ("http://idp.example.org", False),
        ("HTTP://idp.example.org", False),
        ("idp.example.org", False),
        ("file:///etc/passwd", False),
    ],
)
def test_the_provider_is_asked_over_tls(issuer: str, fits: bool):
    chosen = OPENID | {"public_url": "https://label.example.org", "openid_issuer": issuer}
    assert ("openid_issuer: begins with https://" in why_not(**BEHIND, **chosen)) is not fits


def test_a_header_says_who_somebody_is_only_behind_a_proxy_with_a_secret():
    header = {"proxy_user_header": "X-Forwarded-User"}
    assert why_not(**BEHIND, **header, proxy_secret=LONG) == ""
    told = "proxy_user_header takes behind_proxy and proxy_secret"
    assert told in why_not(**BEHIND, **header)
    assert told in why_not(team=True, insecure_http=True, **header, proxy_secret=LONG)
    assert told in why_not(**header, proxy_secret=LONG)


@pytest.mark.parametrize("name", ["cookie_secret", "proxy_secret"])
def test_short_secrets_are_refused_and_never_shown(name: str):
    told = why_not(**BEHIND, **{name: "hunter2" * 4})
    assert "at least 32 characters" in told
    assert "hunter2" not in told
    assert LONG not in repr(Settings(**(BEHIND | {name: LONG})))


def test_proxies_are_addresses_and_networks():
    assert why_not(**BEHIND, trusted_proxies="10.0.0.5, 172.16.0.0/12,::1") == ""
    for wrong in ("*", "caddy", "10.0.0.5 10.0.0.6", "10.0.0.0/33"):
        told = why_not(**BEHIND, trusted_proxies=wrong)
        assert f"trusted_proxies: '{wrong}' is no address or network" in told


def test_only_proxies_are_asked_who_sent_a_request(tls: dict[str, Any]):
    behind = _front(Settings(**BEHIND, trusted_proxies="10.0.0.5,, 172.16.0.0/12"))
    assert behind == {
        "proxy_headers": True,
        "forwarded_allow_ips": ["10.0.0.5", "172.16.0.0/12"],
    }
    assert _front(Settings(team=True, **tls))["proxy_headers"] is False
    assert _front(Settings(team=True, insecure_http=True))["proxy_headers"] is False


def test_newcomers_are_no_administrators():
    for role in ("", "annotator", "researcher"):
        assert why_not(**BEHIND, newcomer_role=role) == ""
    assert "newcomer_role" in why_not(**BEHIND, newcomer_role="administrator").lower()


# --- the first link ---------------------------------------------------------------------------------


def test_the_first_link_is_on_stdout_and_nowhere_else(
    store: Store, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    tell_first_link(Settings(**BEHIND, public_url="https://label.example.org"), store)
    out, err = capsys.readouterr()
    secret = out.partition("https://label.example.org/join#")[2].split()[0]
    assert len(secret) == 43
    assert secret not in err
    assert secret not in caplog.text
    with store.reading() as connection:
        tables = connection.exec_driver_sql("SELECT digest FROM invitation").scalars().all()
    assert secret not in str(tables)


@pytest.mark.parametrize(
    ("chosen", "where"),
    [
        (BEHIND, "https://<the name that people open>/join#"),
        ({"team": True, "insecure_http": True, "port": 7000}, "http://127.0.0.1:7000/join#"),
    ],
)
def test_it_says_where_to_open_it(
    sqlite_store: Store, capsys: pytest.CaptureFixture[str], chosen: dict[str, Any], where: str
) -> None:
    tell_first_link(Settings(**chosen), sqlite_store)
    assert where in capsys.readouterr().out


def test_it_is_printed_only_while_nobody_is_administrator(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(**BEHIND)
    with store.writing() as connection:
        invite(connection, OPERATOR, Role.ADMINISTRATOR)  # an invitation is nobody yet
    for role, printed in ((Role.RESEARCHER, True), (Role.ADMINISTRATOR, False)):
        with store.writing() as connection:
            made = Account(name=role, role=role, person_id=uuid4())
            accounts.add(connection, made, role)
        tell_first_link(settings, store)
        assert ("/join#" in capsys.readouterr().out) is printed
    assert first_link(store) is None
