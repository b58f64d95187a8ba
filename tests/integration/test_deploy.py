"""Accounts behind Caddy, behind nginx and with TLS of one's own: the files that we ship, with the real programs.

The committed files are used; only names, ports and paths are put in their places. The proxies run as nobody in
particular.
"""

import datetime
import http.client
import ipaddress
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from types import MappingProxyType
from uuid import uuid4

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.bench.page_events import Events
from tests.server import ServerProcess, free_port
from tests.team_app import PASSWORD

DEPLOY = Path(__file__).parents[2] / "docs" / "deploy"
NOBODY = 65534
FORGED = {
    "X-Forwarded-For": "203.0.113.66",
    "X-Forwarded-Proto": "http",
    "X-Real-IP": "203.0.113.66",
    "Forwarded": "for=203.0.113.66;proto=http",
}


class TeamServer(ServerProcess):
    """With accounts, behind a proxy."""

    ways: Mapping[str, str] = {"RLHB_TEAM": "true", "RLHB_BEHIND_PROXY": "true"}

    def start(self, patience_s: float = 240) -> None:
        self.environment |= dict(self.ways)
        super().start(patience_s)

    def first_link(self) -> str:
        """The secret that is printed for the first administrator."""
        until = time.monotonic() + 60
        while not (found := re.search(r"/join#([\w-]+)", self.log())):
            assert time.monotonic() < until, self.log()
            time.sleep(0.05)
        return found[1]


class Place:
    """Where the files of a test lie that nobody in particular has to read, and a certificate for this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.chmod(0o755)
        self.certificate, self.key = folder / "certificate.pem", folder / "key.pem"
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        now = datetime.datetime.now(datetime.UTC)
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        self.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        self.key.write_bytes(private)
        self.tls = ssl.create_default_context(cafile=self.certificate)
        self.hand_over()

    def hand_over(self) -> None:
        """Give all of it to whoever runs the proxy."""
        if os.geteuid() == 0:
            for each in (self.folder, *self.folder.rglob("*")):
                os.chown(each, NOBODY, NOBODY)


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="rlhb-deploy-") as folder:
        yield Place(Path(folder))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TeamServer]:
    server = TeamServer(tmp_path_factory.mktemp("server"))
    try:
        server.start()
        yield server
    finally:
        server.kill()


def replaced(text: str, changes: Mapping[str, str]) -> str:
    """With these words put in the places of those."""
    for old, new in changes.items():
        assert old in text, f"{old} is not in the file"
        text = text.replace(old, new)
    return text


@contextmanager
def running(command: list[str], port: int, folder: Path) -> Iterator[None]:
    """A program as nobody in particular, once it listens."""
    who = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    environment |= {"XDG_CONFIG_HOME": str(folder), "CADDY_ADMIN": f"unix/{folder}/admin"}
    with (
        (folder / "said").open("wb") as said,
        subprocess.Popen(
            command, stdout=said, stderr=said, env=environment, cwd=folder, **who  # type: ignore[call-overload]
        ) as process,
    ):  # fmt: skip
        try:
            until = time.monotonic() + 60
            while not _listens(port):
                told = (folder / "said").read_text()
                assert process.poll() is None, told
                assert time.monotonic() < until, told
                time.sleep(0.05)
            yield
        finally:
            process.terminate()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def behind_caddy(place: Place, server: TeamServer) -> Iterator[tuple[int, int]]:
    folder = Path(tempfile.mkdtemp(dir=place.folder))
    plain, port = free_port(), free_port()
    changes = {
        "127.0.0.1:7860": f"127.0.0.1:{server.port}",
        "\nlabel.example.org {": "\nlocalhost {",
        "http_port 80\n": f"http_port {plain}\n",
        "https_port 443\n": f"https_port {port}\n",
        "# tls /etc/ssl/label.example.org.pem /etc/ssl/label.example.org.key": (
            f"tls {place.certificate} {place.key}"
        ),
    }
    file = folder / "Caddyfile"
    file.write_text(replaced((DEPLOY / "Caddyfile").read_text(), changes))
    place.hand_over()
    command = [program("caddy"), "run", "--config", str(file), "--adapter", "caddyfile"]
    with running(command, port, folder):
        yield plain, port


@contextmanager
def behind_nginx(
    place: Place, server: TeamServer, instead: Mapping[str, str] = MappingProxyType({})
) -> Iterator[tuple[int, int]]:
    folder = Path(tempfile.mkdtemp(dir=place.folder))
    plain, port = free_port(), free_port()
    folders = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )  # as compiled in, they are root's
    letsencrypt = "/etc/letsencrypt/live/label.example.org"
    changes = {
        "http {\n": f"http {{\n{folders}",
        "127.0.0.1:7860": f"127.0.0.1:{server.port}",
        f"{letsencrypt}/fullchain.pem": str(place.certificate),
        f"{letsencrypt}/privkey.pem": str(place.key),
        "https://label.example.org$": f"https://localhost:{port}$",
        "server_name label.example.org;": "server_name localhost;",
        "listen 80;": f"listen {plain};",
        "listen 443 ": f"listen {port} ",
        "/run/nginx.pid": f"{folder}/pid",
        "/var/log/nginx/error.log": f"{folder}/errors",
        **instead,
    }
    file = folder / "nginx.conf"
    file.write_text(replaced((DEPLOY / "nginx.conf").read_text(), changes))
    place.hand_over()
    early = f"{folder}/errors"  # before it has read where its log is
    command = [program("nginx"), "-e", early, "-c", str(file), "-g", "daemon off;"]
    with running(command, port, folder):
        yield plain, port


def program(name: str) -> str:
    """Its path, or the test is skipped."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(
            f"NOT TRIED: docs/deploy for {name}, which is not installed (apt install {name})"
        )
    return found


PROXIES = {"caddy": behind_caddy, "nginx": behind_nginx}


class Front:
    """The app as people reach it."""

    def __init__(self, server: TeamServer, place: Place, plain: int, port: int) -> None:
        self.server, self.place, self.plain, self.port = server, place, plain, port
        self.origin = f"https://localhost:{port}"
        self.open: list[httpx.Client] = []

    def browser(self, **headers: str) -> httpx.Client:
        """A browser with cookies of its own, which follows nobody."""
        found = httpx.Client(
            base_url=self.origin, verify=self.place.tls, headers=headers, timeout=60
        )
        self.open.append(found)
        return found

    def close(self) -> None:
        """Close all browsers."""
        for each in self.open:
            each.close()

    def signed_in(self) -> httpx.Client:
        """The administrator's, who is made first if there is none."""
        there = self.browser()
        body = {"name": "Ada", "password": PASSWORD}
        answer = there.post("/api/sign-in", json=body)
        if answer.status_code == 401:
            made = {"link": self.server.first_link()} | body
            answer = there.post("/api/join", json=made)
        assert answer.status_code in (200, 201), answer.text
        return there


@pytest.fixture(scope="module", params=PROXIES)
def front(request: pytest.FixtureRequest, place: Place, server: TeamServer) -> Iterator[Front]:
    with (
        PROXIES[request.param](place, server) as (plain, port),
        closing(Front(server, place, plain, port)) as front,
    ):
        yield front


def test_people_sign_in_over_https(front: Front):
    there = front.signed_in()
    answer = front.browser().post("/api/sign-in", json={"name": "Ada", "password": PASSWORD})
    cookies = answer.headers.get_list("set-cookie")
    session = next(each for each in cookies if each.startswith("__Host-rlhb_session="))
    assert all(part in session for part in ("; Secure", "; HttpOnly", "; Path=/", "SameSite=Lax"))
    assert "Domain" not in session
    assert there.get("/api/me").json()["display_name"] == "Ada"
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    assert "server" not in answer.headers or "/" not in answer.headers["server"]


def test_a_page_of_gradio_loads_with_all_its_files(front: Front):
    there = front.signed_in()
    assert there.get("/data").headers["location"] == "/data/"  # wherever the app thinks that it is
    page = there.get("/data/")
    assert (page.status_code, "gradio_config" in page.text) == (200, True)
    found = set(re.findall(r'(?:src|href)="(/static/[^"]+|\./assets/[^"]+)"', page.text))
    assert found
    for each in sorted(found):
        path = each if each.startswith("/") else f"/data/{each[2:]}"
        assert there.get(path).status_code == 200, path
    assert f"http://localhost:{front.port}" not in page.text


def test_nobody_gets_a_page_without_signing_in(front: Front):
    there = front.browser(accept="text/html")
    answer = there.get("/data?kind=votes")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/sign-in?next=/data%3Fkind%3Dvotes",
    )
    assert front.browser().get("/api/me").status_code == 401


def test_plain_http_is_sent_to_https(front: Front):
    answer = httpx.get(f"http://localhost:{front.plain}/data", verify=front.place.tls)
    assert answer.status_code in (301, 308)
    assert answer.headers["location"].startswith("https://localhost")


def test_the_app_itself_answers_the_proxy_only(front: Front):
    status, body = front.server.request("GET", "/api/me")
    assert status == 403
    assert b"this server answers to its proxy only, over https" in body
    for path in ("/", "/sign-in", "/static/api.js"):
        assert front.server.request("GET", path)[0] == 403
    assert front.server.request("GET", "/api/health")[0] == 200


def test_nobody_says_that_they_come_from_elsewhere(front: Front):
    body = {"name": f"nobody {uuid4()}", "password": "a wrong password"}
    answer = front.browser(**FORGED).post("/api/sign-in", json=body)
    assert answer.status_code == 401  # and no redirect or refusal: it did come by https
    lines = front.signed_in().get("/api/audit?kind=sign_in_failed&limit=1").json()
    assert [line["address"] for line in lines] == ["127.0.0.1"]
    text = json.dumps(front.signed_in().get("/api/audit?limit=500").json())
    assert "203.0.113" not in text


def test_other_sites_are_refused_by_the_name_that_the_browser_knows(front: Front):
    body = {"name": "Ada", "password": PASSWORD}
    right = front.browser(origin=front.origin).post("/api/sign-in", json=body)
    wrong = front.browser(origin="https://evil.example").post("/api/sign-in", json=body)
    assert (right.status_code, wrong.status_code) == (200, 403)


def test_an_event_stream_comes_in_pieces(front: Front):
    """An answer, word by word: were the stream held back anywhere, it would come in a few large pieces."""
    front.server.settle()
    there = front.signed_in()
    events = Events(there.get("/").text)
    number, target = events.numbers["ask"]
    session = uuid4().hex[:11]
    wanted = {
        "data": [], "fn_index": number, "trigger_id": target, "session_hash": session,
        "event_data": {"token": "t", "text": "Tell me everything about the planet Mars.", "previous": None},
    }  # fmt: skip
    answer = there.post(f"{events.prefix}/queue/join", json=wanted)
    assert answer.status_code == 200, answer.text
    pieces, whole = pieces_of(
        front, f"{events.prefix}/queue/data?session_hash={session}", cookies_of(there)
    )
    assert b"process_generating" in whole
    assert b"close_stream" in whole
    assert len(pieces) >= 3, pieces
    assert pieces[0] < 1_000


def cookies_of(there: httpx.Client) -> str:
    return "; ".join(f"{name}={value}" for name, value in there.cookies.items())


def pieces_of(front: Front, path: str, cookies: str) -> tuple[list[int], bytes]:
    """The sizes of the pieces as they come out of the socket, and all of them together."""
    connection = http.client.HTTPSConnection(
        "localhost", front.port, context=front.place.tls, timeout=60
    )
    try:
        connection.request("GET", path, headers={"Cookie": cookies, "Accept": "text/event-stream"})
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.getheader("content-type", "").startswith("text/event-stream")
        found = []
        while piece := answer.read1(1_000_000):
            found.append(piece)
        return [len(each) for each in found], b"".join(found)
    finally:
        connection.close()


def test_an_upload_of_many_megabytes_passes(front: Front):
    """Larger than what nginx takes unasked (1 MB); the app reads it as it comes, and says what is wrong with it."""
    there = front.signed_in()
    lines = (json.dumps({"prompt": "x" * 1_000}) + "\n") * 12_000
    answer = there.post("/api/data/import", files={"file": ("triplets.jsonl", lines.encode())})
    assert answer.status_code != 413
    assert answer.status_code < 500, answer.text


def test_the_files_let_pass_what_the_app_takes():
    from app.settings import Settings

    most = Settings().max_upload_bytes
    text = (DEPLOY / "nginx.conf").read_text()
    limit = re.search(r"client_max_body_size (\d+)m;", text)
    assert limit is not None
    assert int(limit[1]) * 2**20 > most + 1_000_000
    caddy = (DEPLOY / "Caddyfile").read_text()
    assert "\n\trequest_body" not in caddy  # no limit of its own


# --- TLS of its own ---------------------------------------------------------------------------------


class OwnTls(TeamServer):
    """A server that speaks TLS itself."""

    def __init__(self, data_dir: Path, place: Place) -> None:
        super().__init__(data_dir, models=False)
        self.place = place
        self.ways = {
            "RLHB_TEAM": "true",
            "RLHB_TLS_CERTIFICATE": str(place.certificate),
            "RLHB_TLS_KEY": str(place.key),
            "RLHB_PUBLIC_URL": f"https://localhost:{self.port}",
        }

    def connection(self, timeout_s: float = 30) -> http.client.HTTPConnection:
        return http.client.HTTPSConnection(
            "localhost", self.port, timeout=timeout_s, context=self.place.tls
        )


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, place: Place) -> Iterator[Front]:
    server = OwnTls(tmp_path_factory.mktemp("own"), place)
    try:
        server.start()
        with closing(Front(server, place, server.port, server.port)) as front:
            yield front
    finally:
        server.kill()


def test_with_a_certificate_the_app_needs_no_proxy(own: Front):
    there = own.signed_in()
    assert "__Host-rlhb_session" in there.cookies
    me = there.get("/api/me")
    assert me.json()["role"] == "administrator"
    assert me.headers["strict-transport-security"].startswith("max-age=")
    assert there.get("/data/").status_code == 200


def test_with_a_certificate_nobody_is_a_proxy(own: Front):
    body = {"name": "somebody", "password": "a wrong password"}
    assert own.browser(**FORGED).post("/api/sign-in", json=body).status_code == 401
    (line,) = own.signed_in().get("/api/audit?kind=sign_in_failed&limit=1").json()
    assert line["address"] == "127.0.0.1"


def test_with_a_certificate_there_is_no_plain_http(own: Front):
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://localhost:{own.port}/api/health")


def test_another_name_is_refused(own: Front):
    with httpx.Client(base_url=f"https://127.0.0.1:{own.port}", verify=own.place.tls) as there:
        assert there.get("/api/health").status_code == 200
        answer = there.get("/sign-in")
        assert (answer.status_code, answer.json()["detail"]) == (
            403,
            f"open this server as {own.origin}",
        )
        forged = there.get("/sign-in", headers={"host": f"localhost:{own.port}"})
        assert forged.status_code == 200


def test_a_certificate_that_does_not_fit_its_key_is_told(tmp_path: Path, place: Place):
    (tmp_path / "place").mkdir()
    another = Place(tmp_path / "place")
    server = OwnTls(tmp_path / "data", place)
    server.ways = {**server.ways, "RLHB_TLS_KEY": str(another.key)}
    with pytest.raises(
        RuntimeError, match=r"rlhb: the certificate .* cannot be used .*belong together"
    ):
        server.start()


# --- sign-in by the proxy -------------------------------------------------------------------------


class ByHeader(TeamServer):
    """A server that believes the proxy who somebody is."""

    ways: Mapping[str, str] = {
        **TeamServer.ways,
        "RLHB_PROXY_USER_HEADER": "X-Forwarded-User",
        "RLHB_PROXY_SECRET": "s" * 32,
        "RLHB_NEWCOMER_ROLE": "annotator",
    }


def test_nginx_signs_people_in_as_the_guide_says(tmp_path: Path, place: Place):
    guide = (DEPLOY.parents[1] / "SECURITY.md").read_text()
    lines = guide.partition("```nginx\n")[2].partition("```")[0]
    (place.folder / "people").write_text("grace:{PLAIN}a password of nginx\n")
    told = {"/etc/nginx/people": f"{place.folder}/people", "the secret": "s" * 32}
    instead = {'proxy_set_header X-RLHB-Proxy-Secret "";': replaced(lines, told)}
    server = ByHeader(tmp_path / "data", models=False)
    try:
        server.start()
        with (
            behind_nginx(place, server, instead) as (plain, port),
            closing(Front(server, place, plain, port)) as front,
        ):
            claimed = {"X-Forwarded-User": "mallory", "X-RLHB-Proxy-Secret": "s" * 32}
            assert front.browser(**claimed).get("/api/me").status_code == 401  # nginx asks first
            there = front.browser(**claimed)
            there.auth = ("grace", "a password of nginx")
            me = there.get("/api/me").json()
            assert (me["display_name"], me["role"]) == ("grace", "annotator")
            assert there.get("/data/").status_code == 403
    finally:
        server.kill()
