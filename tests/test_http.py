"""The HTTP client: what it retries, where it goes, whom it tells secrets, and what it says when it fails."""

from __future__ import annotations

import asyncio
import base64
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from envsolver.model.errors import NetworkError
from envsolver.sources.credentials import Credentials
from envsolver.sources.http import RANGELESS_BODY, HttpClient, Reply, _redirected
from envsolver.sources.keyring import find_keyring, keyring_credential
from envsolver.sources.retry import RetryPolicy, retry_after
from envsolver.sources.transport import Proxies, tls_context
from envsolver.sources.urls import Credential, join, origin, redact, split_credential

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from tests.support.index_server import IndexServer

SECRET = "s3cr3t"  # noqa: S105 - what must not appear anywhere


class Notes:
    """A Progress that keeps its notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def stage(self, name: str) -> None:
        raise AssertionError(name)

    def update(self, text: str) -> None:
        raise AssertionError(text)

    def note(self, text: str) -> None:
        self.notes.append(text)


class Pauses:
    """Stands in for asyncio.sleep: keeps the waits and does not wait."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def using(use: Callable[[HttpClient], Coroutine[Any, Any, Any]], **options: Any) -> Any:
    """Run ``use`` with a client that does not really wait between tries."""

    async def run() -> Any:
        defaults: dict[str, Any] = {"sleep": Pauses(), "jitter": lambda: 0.0, "environ": {}}
        async with HttpClient(**(defaults | options)) as http:
            return await use(http)

    return asyncio.run(run())


def getting(url: str, **options: Any) -> Reply:
    reply = using(lambda http: http.get(url), **options)
    assert isinstance(reply, Reply)
    return reply


def sent(server: IndexServer, path: str) -> list[str | None]:
    """Return the Authorization headers that arrived for a path."""
    return [request.headers.get("authorization") for request in server.asked(path)]


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class TestAnswers:
    def test_a_reply_has_status_headers_and_body(self, index_server: IndexServer) -> None:
        index_server.route("/a", b"body", content_type="text/plain")
        reply = getting(f"{index_server.base}/a")
        assert (reply.status, reply.body, reply.url) == (200, b"body", f"{index_server.base}/a")
        assert reply.headers["content-type"] == "text/plain"

    @pytest.mark.parametrize("status", [404, 403, 410, 401, 418])
    def test_refusals_are_returned(self, index_server: IndexServer, status: int) -> None:
        index_server.route("/a", b"", status=status)
        assert getting(f"{index_server.base}/a").status == status
        assert len(index_server.asked("/a")) == 1

    def test_compressed_pages_are_unpacked_and_archives_are_not(self, index_server: IndexServer) -> None:
        index_server.index(compress=True)
        index_server.add("demo-1.0-py3-none-any.whl", b"x" * 5000)
        page = getting(index_server.url() + "demo/")
        assert page.headers["content-encoding"] == "gzip"
        assert b"demo-1.0" in page.body

        index_server.fault("/files/*", headers={"Content-Encoding": "gzip"})

        async def whole(http: HttpClient) -> bytes:
            async with http.stream(index_server.file_url("demo-1.0-py3-none-any.whl")) as stream:
                return b"".join([chunk async for chunk in stream.chunks])

        assert using(whole) == b"x" * 5000

    def test_too_much_is_refused(self, index_server: IndexServer) -> None:
        index_server.route("/a", b"x" * 5000)
        with pytest.raises(NetworkError, match="more than the 1000 bytes"):
            using(lambda http: http.get(f"{index_server.base}/a", max_bytes=1000))

    @pytest.mark.parametrize(
        ("start", "end", "expected"),
        [(0, 3, b"0123"), (4, None, b"456789"), (None, 3, b"789"), (8, 99, b"89")],
    )
    def test_ranges(self, index_server: IndexServer, start: int | None, end: int | None, expected: bytes) -> None:
        index_server.route("/a", b"0123456789")
        reply = using(lambda http: http.get_range(f"{index_server.base}/a", start, end))
        assert (reply.status, reply.body) == (206, expected)

    def test_a_range_beyond_the_end_is_416(self, index_server: IndexServer) -> None:
        index_server.route("/a", b"0123456789")
        assert using(lambda http: http.get_range(f"{index_server.base}/a", 50, 60)).status == 416

    def test_without_ranges_a_small_file_comes_whole_and_a_large_one_not_at_all(
        self, index_server: IndexServer
    ) -> None:
        index_server.index(ranges="ignored")
        index_server.add("demo-1.0-py3-none-any.whl", b"small")
        index_server.add("demo-2.0-py3-none-any.whl", b"x" * (RANGELESS_BODY + 1))
        small = using(lambda http: http.get_range(index_server.file_url("demo-1.0-py3-none-any.whl"), 0, 1))
        large = using(lambda http: http.get_range(index_server.file_url("demo-2.0-py3-none-any.whl"), 0, 1))
        assert (small.status, small.body) == (200, b"small")
        assert (large.status, large.body) == (200, b"")

    def test_a_stream_may_be_left_early(self, index_server: IndexServer) -> None:
        index_server.route("/a", b"x" * (64 << 20))

        async def head(http: HttpClient) -> int:
            async with http.stream(f"{index_server.base}/a") as stream:
                async for chunk in stream.chunks:
                    return len(chunk)
            return 0

        assert 0 < using(head) < 64 << 20


class TestRetries:
    def test_a_busy_server_is_asked_again_and_the_user_is_told_once(self, index_server: IndexServer) -> None:
        index_server.route("/a", b"body")
        index_server.fault("/a", times=2, status=503, headers={"Retry-After": "2"})
        notes, pauses = Notes(), Pauses()
        assert getting(f"{index_server.base}/a", progress=notes, sleep=pauses).body == b"body"
        assert pauses.seconds == [2.0, 2.0]
        assert notes.notes == ["127.0.0.1: the server answered 503, trying again in 2 s (2 of 4)"]

    def test_waits_double_and_are_spread(self, index_server: IndexServer) -> None:
        index_server.fault("/a", status=502)
        pauses = Pauses()
        with pytest.raises(NetworkError, match=r"the server answered 502 \(tried 4 times\)"):
            getting(f"{index_server.base}/a", sleep=pauses, jitter=lambda: 1.0)
        assert pauses.seconds == [0.75, 1.5, 3.0]

    def test_short_waits_are_not_worth_a_note(self, index_server: IndexServer) -> None:
        index_server.route("/a", b"body")
        index_server.fault("/a", times=1, status=500)
        notes = Notes()
        assert getting(f"{index_server.base}/a", progress=notes).status == 200
        assert notes.notes == []

    def test_a_server_that_wants_an_hour_has_failed(self, index_server: IndexServer) -> None:
        index_server.fault("/a", status=429, headers={"Retry-After": "3600"})
        with pytest.raises(NetworkError, match="asks to be left alone for 3600 s"):
            getting(f"{index_server.base}/a")
        assert len(index_server.asked("/a")) == 1

    @pytest.mark.parametrize("drop_after", [-1, 0, 7])
    def test_a_broken_connection_is_tried_again(self, index_server: IndexServer, drop_after: int) -> None:
        index_server.route("/a", b"0123456789")
        index_server.fault("/a", times=2, drop_after=drop_after)
        assert getting(f"{index_server.base}/a").body == b"0123456789"

    def test_a_body_that_always_breaks_off(self, index_server: IndexServer) -> None:
        index_server.route("/a", b"0123456789")
        index_server.fault("/a", drop_after=7)
        with pytest.raises(NetworkError, match=r"the answer broke off \(tried 4 times\)"):
            getting(f"{index_server.base}/a")

    def test_a_stream_that_breaks_off_says_so(self, index_server: IndexServer) -> None:
        index_server.route("/a", b"0123456789")
        index_server.fault("/a", drop_after=7)

        async def whole(http: HttpClient) -> None:
            async with http.stream(f"{index_server.base}/a") as stream:
                async for _ in stream.chunks:
                    pass

        with pytest.raises(NetworkError, match="the answer broke off"):
            using(whole)

    def test_nobody_listens(self, index_server: IndexServer) -> None:
        url = f"{index_server.base}/a"
        index_server.stop()
        with pytest.raises(NetworkError, match=r"no connection \(connection refused\) \(tried 4 times\)") as caught:
            getting(url)
        assert caught.value.hint is not None

    def test_an_unknown_host(self) -> None:
        with pytest.raises(NetworkError, match=r"the host name nowhere\.invalid is not known"):
            getting("http://nowhere.invalid/simple/")

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("120", 120.0),
            ("0", 0.0),
            ("Thu, 01 Jan 1970 00:01:40 GMT", 70.0),
            ("Thu, 01 Jan 1970 00:00:10 GMT", 0.0),
            ("soon", None),
            ("-5", None),
            ("", None),
        ],
    )
    def test_retry_after(self, value: str, expected: float | None) -> None:
        assert retry_after({"retry-after": value}, now=30.0) == expected

    def test_the_budget_can_be_one_try(self, index_server: IndexServer) -> None:
        index_server.fault("/a", status=503)
        with pytest.raises(NetworkError, match="tried 1 times"):
            getting(f"{index_server.base}/a", retry=RetryPolicy(tries=1))
        assert len(index_server.asked("/a")) == 1


class TestRedirects:
    def test_they_are_followed_and_the_reply_says_where_it_came_from(self, index_server: IndexServer) -> None:
        index_server.route("/b", b"body")
        index_server.fault("/a", redirect="/b")
        reply = getting(f"{index_server.base}/a")
        assert (reply.body, reply.url) == (b"body", f"{index_server.base}/b")

    def test_a_loop_ends(self, index_server: IndexServer) -> None:
        index_server.fault("/a", redirect="/a")
        with pytest.raises(NetworkError, match="more than 10 redirects"):
            getting(f"{index_server.base}/a")

    @pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1/a", "http://[::1"])
    def test_unsafe_targets_are_refused(self, index_server: IndexServer, target: str) -> None:
        index_server.fault("/a", redirect=target)
        with pytest.raises(NetworkError, match="redirects to"):
            getting(f"{index_server.base}/a")

    def test_a_secure_address_does_not_lead_to_an_insecure_one(self) -> None:
        assert _redirected("https://host/a", "https://other/b") == "https://other/b"
        assert _redirected("http://host/a", "http://other/b") == "http://other/b"
        with pytest.raises(NetworkError, match="redirects to http://other/b, which is not safe to follow"):
            _redirected("https://host/a", "http://other/b")

    def test_credentials_stay_with_their_host(self, index_server: IndexServer) -> None:
        index_server.route("/b", b"body")
        index_server.fault("/a", redirect=f"{index_server.other_host}/b")
        url = index_server.base.replace("//", f"//user:{SECRET}@") + "/a"
        assert getting(url).body == b"body"
        assert sent(index_server, "/a") == [basic("user", SECRET)]
        assert sent(index_server, "/b") == [None]

    def test_credentials_come_back_with_their_host(self, index_server: IndexServer) -> None:
        index_server.route("/c", b"body")
        index_server.fault("/a", redirect=f"{index_server.other_host}/b")
        index_server.fault("/b", redirect=f"{index_server.base}/c")
        getting(index_server.base.replace("//", f"//user:{SECRET}@") + "/a")
        assert sent(index_server, "/b") == [None]
        assert sent(index_server, "/c") == [basic("user", SECRET)]

    def test_credentials_in_a_location_are_not_used(self, index_server: IndexServer) -> None:
        index_server.route("/b", b"body")
        index_server.fault("/a", redirect=index_server.base.replace("//", "//evil:evil@") + "/b")
        assert "evil" not in getting(f"{index_server.base}/a").url
        assert sent(index_server, "/b") == [None]


class TestCredentials:
    @pytest.fixture
    def private(self, index_server: IndexServer) -> IndexServer:
        index_server.index(auth=("user", SECRET))
        index_server.add("demo-1.0-py3-none-any.whl", b"wheel")
        return index_server

    def test_from_the_url(self, private: IndexServer) -> None:
        url = private.url().replace("//", f"//user:{SECRET}@")
        credentials = Credentials({}, path_of_nothing())
        bare = credentials.register(url)
        assert bare == private.url()
        assert getting(bare + "demo/", credentials=credentials).status == 200

    def test_percent_encoding_in_the_url_is_undone(self, index_server: IndexServer) -> None:
        index_server.route("/a", b"")
        getting(index_server.base.replace("//", "//us%40er:p%2Fw%3A@") + "/a")
        assert sent(index_server, "/a") == [basic("us@er", "p/w:")]

    def test_from_the_environment(self, private: IndexServer, tmp_path: Path) -> None:
        environ = {"UV_INDEX_MY_INDEX_USERNAME": "user", "UV_INDEX_MY_INDEX_PASSWORD": SECRET}
        credentials = Credentials(environ, tmp_path)
        url = credentials.register(private.url(), alias="my-index")
        assert getting(url + "demo/", credentials=credentials).status == 200
        assert getting(url + "demo/", credentials=Credentials(environ, tmp_path)).status == 401

    @pytest.mark.parametrize("variable", [True, False])
    def test_from_netrc(self, private: IndexServer, tmp_path: Path, variable: bool) -> None:
        file = tmp_path / ("mine" if variable else ".netrc")
        file.write_text(f"machine 127.0.0.1 login user password {SECRET}\n")
        file.chmod(0o600)
        credentials = Credentials({"NETRC": str(file)} if variable else {}, tmp_path)
        assert getting(private.url() + "demo/", credentials=credentials).status == 200
        elsewhere = private.url().replace(private.base, private.other_host) + "demo/"
        private.forget()
        assert getting(elsewhere, credentials=credentials).status == 401
        assert sent(private, "*") == [None]

    def test_the_default_entry_of_netrc_waits_until_a_server_asks(self, private: IndexServer, tmp_path: Path) -> None:
        (tmp_path / ".netrc").write_text(f"default login user password {SECRET}\n")
        (tmp_path / ".netrc").chmod(0o600)
        private.route("/open", b"")
        getting(f"{private.base}/open", credentials=Credentials({}, tmp_path))
        assert sent(private, "/open") == [None]
        assert getting(private.url() + "demo/", credentials=Credentials({}, tmp_path)).status == 200

    def test_a_broken_netrc_is_told_once_without_its_text(self, index_server: IndexServer, tmp_path: Path) -> None:
        (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 password {SECRET} {SECRET}\n")
        (tmp_path / ".netrc").chmod(0o600)
        notes: list[str] = []
        credentials = Credentials({}, tmp_path, note=notes.append)
        for path in ("/a", "/b"):
            assert getting(index_server.base + path, credentials=credentials).status == 404
        assert len(notes) == 1
        assert ".netrc" in notes[0]
        assert SECRET not in notes[0]

    def test_from_a_keyring_after_a_refusal_and_only_once(self, private: IndexServer) -> None:
        asked: list[tuple[str, str | None]] = []

        def keyring(service: str, user: str | None) -> Credential | None:
            asked.append((service, user))
            return Credential("user", SECRET) if service == "127.0.0.1" else None

        credentials = Credentials({}, path_of_nothing(), keyring=keyring)

        async def many(http: HttpClient) -> list[int]:
            replies = await asyncio.gather(*(http.get(private.url() + "demo/") for _ in range(8)))
            return [reply.status for reply in replies]

        assert using(many, credentials=credentials) == [200] * 8
        assert asked == [(private.url() + "demo/", None), ("127.0.0.1", None)]

    def test_a_keyring_knows_the_password_of_a_configured_user(self, private: IndexServer) -> None:
        asked: list[tuple[str, str | None]] = []

        def keyring(service: str, user: str | None) -> Credential | None:
            asked.append((service, user))
            return Credential("user", SECRET)

        credentials = Credentials({}, path_of_nothing(), keyring=keyring)
        url = credentials.register(private.url().replace("//", "//user@"))
        assert getting(url + "demo/", credentials=credentials).status == 200
        assert asked == [(private.url(), "user")]

    def test_a_keyring_that_is_wrong_is_asked_once_in_a_run(self, private: IndexServer) -> None:
        asked: list[str] = []

        def keyring(service: str, user: str | None) -> Credential | None:
            asked.append(service)
            return None

        credentials = Credentials({}, path_of_nothing(), keyring=keyring)
        for _ in range(3):
            assert getting(private.url() + "demo/", credentials=credentials).status == 401
        assert asked == [private.url() + "demo/", "127.0.0.1"]

    def test_a_wrong_password_is_not_taken_to_a_keyring(self, private: IndexServer) -> None:
        def keyring(service: str, user: str | None) -> Credential | None:
            raise AssertionError(service)

        credentials = Credentials({}, path_of_nothing(), keyring=keyring)
        url = credentials.register(private.url().replace("//", "//user:wrong@"))
        assert getting(url + "demo/", credentials=credentials).status == 401

    def test_two_indexes_of_one_host_keep_their_own(self, index_server: IndexServer) -> None:
        index_server.route("/one/simple/x/", b"")
        index_server.route("/two/simple/x/", b"")
        index_server.route("/one/files/x", b"")
        credentials = Credentials({}, path_of_nothing())
        for name in ("one", "two"):
            credentials.register(index_server.base.replace("//", f"//{name}:{name}@") + f"/{name}/simple")
        for path in ("/one/simple/x/", "/two/simple/x/", "/one/files/x"):
            getting(index_server.base + path, credentials=credentials)
        assert sent(index_server, "/one/*") == [basic("one", "one")] * 2
        assert sent(index_server, "/two/*") == [basic("two", "two")]

    def test_another_port_is_another_host(
        self, index_server: IndexServer, new_index_server: Callable[[], IndexServer]
    ) -> None:
        other = new_index_server()
        other.route("/a", b"")
        credentials = Credentials({}, path_of_nothing())
        credentials.register(index_server.base.replace("//", f"//user:{SECRET}@"))
        getting(f"{other.base}/a", credentials=credentials)
        assert sent(other, "/a") == [None]

    def test_the_keyring_command(self, tmp_path: Path) -> None:
        command = tmp_path / "keyring.py"
        command.write_text(
            "import sys\n"
            "arguments = sys.argv[1:]\n"
            "if arguments == ['get', 'https://host/simple', 'user']: print('pass word')\n"
            "elif arguments[:5] == ['--mode', 'creds', '--output', 'json', 'get']:\n"
            '    print(\'{"username": "token", "password": "secret"}\' if arguments[5] == \'host\' else \'nonsense\')\n'
            "else: sys.exit(1)\n"
        )
        run = (sys.executable, str(command))
        assert keyring_credential(run, {}, "https://host/simple", "user") == ("user", "pass word")
        assert keyring_credential(run, {}, "host", None) == ("token", "secret")
        assert keyring_credential(run, {}, "elsewhere", None) is None
        assert keyring_credential(run, {}, "host", "nobody") is None
        assert keyring_credential((str(tmp_path / "missing"),), {}, "host", None) is None

    def test_a_keyring_can_be_switched_off(self, tmp_path: Path) -> None:
        (tmp_path / "keyring").write_text("#!/bin/sh\n")
        (tmp_path / "keyring").chmod(0o755)
        assert find_keyring({"PATH": str(tmp_path)}) == (str(tmp_path / "keyring"),)
        off = {"PATH": str(tmp_path), "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
        assert find_keyring(off) is None

    @pytest.mark.parametrize("fault", [{"status": 503}, {"drop_after": 1}, {"redirect": "ftp://host/?sig=" + SECRET}])
    def test_messages_and_notes_hold_no_secret(self, index_server: IndexServer, fault: dict[str, Any]) -> None:
        index_server.route("/a", b"body")
        index_server.fault("/*", **fault)
        notes = Notes()
        url = index_server.base.replace("//", f"//user{SECRET}:{SECRET}@") + f"/a?token={SECRET}"
        with pytest.raises(NetworkError) as caught:
            getting(url, progress=notes)
        said = f"{caught.value} {caught.value.hint} {notes.notes}"
        assert "127.0.0.1" in said
        assert SECRET not in said

    def test_a_credential_does_not_print_itself(self) -> None:
        assert SECRET not in repr(Credential(SECRET, SECRET))


class TestSurroundings:
    def test_a_proxy_is_used_and_gets_its_own_credentials(
        self, index_server: IndexServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("http_proxy", index_server.base.replace("//", f"//user:{SECRET}@"))
        index_server.route("http://index.example/simple/demo/", b"through the proxy")
        assert getting("http://index.example/simple/demo/").body == b"through the proxy"
        headers = index_server.requests[0].headers
        assert headers["proxy-authorization"] == basic("user", SECRET)
        assert "authorization" not in headers

    def test_no_proxy_wins(self, index_server: IndexServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        index_server.route("/a", b"direct")
        assert getting(f"{index_server.base}/a").body == b"direct"

    def test_a_dead_proxy_is_named_without_its_password(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("http_proxy", f"http://user:{SECRET}@127.0.0.1:9")
        with pytest.raises(NetworkError, match=r"the proxy 127\.0\.0\.1:9 cannot be reached") as caught:
            getting("http://index.example/simple/")
        assert SECRET not in str(caught.value)
        assert "check that the proxy runs and is the right one (HTTPS_PROXY, HTTP_PROXY)" in (caught.value.hint or "")

    def test_a_socks_proxy_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("https_proxy", "socks5://127.0.0.1:9")
        with pytest.raises(NetworkError, match="of a kind that cannot be used: socks5"):
            Proxies().for_url("https://index.example/simple/")

    def test_certificates_come_from_the_variable_set(self, tmp_path: Path) -> None:
        from pip._vendor import certifi

        few = tmp_path / "few.pem"
        whole = Path(certifi.where()).read_text(encoding="ascii")
        few.write_text(whole[: whole.index("-----END CERTIFICATE-----") + 26])
        assert tls_context({"SSL_CERT_FILE": str(few)}).cert_store_stats()["x509_ca"] == 1
        assert tls_context({"PIP_CERT": str(few), "SSL_CERT_FILE": "/nowhere"}).cert_store_stats()["x509_ca"] == 1
        assert tls_context({"REQUESTS_CA_BUNDLE": str(tmp_path)}).cert_store_stats()["x509_ca"] == 0

    def test_a_missing_certificate_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(NetworkError, match=r"SSL_CERT_FILE names .*nothing\.pem"):
            tls_context({"SSL_CERT_FILE": str(tmp_path / "nothing.pem")})

    def test_offline_asks_nobody(self, index_server: IndexServer, tmp_path: Path) -> None:
        with pytest.raises(NetworkError, match="this run is offline"):
            getting(f"{index_server.base}/a", offline=True)
        assert index_server.requests == []
        (tmp_path / "a").write_bytes(b"local")
        assert getting((tmp_path / "a").as_uri(), offline=True).body == b"local"

    @pytest.mark.parametrize("url", ["http://", "nonsense", "http://host:port/", "https://[::1/"])
    def test_nonsense_is_no_url(self, url: str) -> None:
        with pytest.raises(NetworkError, match="not a valid URL"):
            getting(url)


class TestLocalFiles:
    def test_files_folders_and_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "index.html").write_text("<a>")
        assert getting(tmp_path.as_uri()).body == b"<a>"
        assert getting(tmp_path.as_uri()).headers["content-type"] == "text/html"
        assert getting((tmp_path / "missing").as_uri()).status == 404
        with pytest.raises(NetworkError, match="must not name a host"):
            getting("file://server/share")

    @pytest.mark.parametrize(
        ("start", "end", "status", "body"),
        [
            (0, 3, 206, b"0123"),
            (4, None, 206, b"456789"),
            (None, 3, 206, b"789"),
            (8, 99, 206, b"89"),
            (50, 60, 416, b""),
        ],
    )
    def test_ranges(self, tmp_path: Path, start: int | None, end: int | None, status: int, body: bytes) -> None:
        (tmp_path / "a").write_bytes(b"0123456789")
        reply = using(lambda http: http.get_range((tmp_path / "a").as_uri(), start, end))
        assert (reply.status, reply.body) == (status, body)

    def test_streams(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"0123456789")

        async def whole(http: HttpClient) -> bytes:
            async with http.stream((tmp_path / "a").as_uri()) as stream:
                return b"".join([chunk async for chunk in stream.chunks])

        assert using(whole) == b"0123456789"


class TestUrls:
    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("https://host/simple/", "https://host/simple/"),
            ("https://user:secret@host/simple/", "https://****@host/simple/"),
            ("https://token@host:8080/simple/", "https://****@host:8080/simple/"),
            ("https://user:se@cret@host/", "https://****@host/"),
            ("https://user:se/cret@host/", "https://****@host/"),
            ("https://host/a?token=secret#sha256=ab", "https://host/a?****#sha256=ab"),
            ("git+https://user:secret@host/repo@v1", "git+https://****@host/repo@v1"),
            ("https://host/repo@v1", "https://host/repo@v1"),
            ("https://host:8080/repo@v1", "https://host:8080/repo@v1"),
            ("at https://a:b@one/ and https://c:d@two/", "at https://****@one/ and https://****@two/"),
        ],
    )
    def test_redact(self, url: str, expected: str) -> None:
        assert redact(url) == expected

    def test_split_credential(self) -> None:
        assert split_credential("https://a%40b:c@host/x") == ("https://host/x", ("a@b", "c"))
        assert split_credential("https://a@host/x") == ("https://host/x", ("a", None))
        assert split_credential("https://host/x@y") == ("https://host/x@y", None)

    def test_origin(self) -> None:
        assert origin("https://Host/x") == ("https", "host", 443)
        assert origin("http://host:8080") == ("http", "host", 8080)

    @pytest.mark.parametrize(
        ("link", "expected"),
        [
            ("a.whl", "https://host/simple/x/a.whl"),
            ("../../f/a.whl#sha256=1", "https://host/f/a.whl"),
            ("/f/a%2Bb.whl", "https://host/f/a%2Bb.whl"),
            ("//other/a.whl", "https://other/a.whl"),
            ("https://u:p@other/a.whl", "https://other/a.whl"),
        ],
    )
    def test_join(self, link: str, expected: str) -> None:
        assert join("https://host/simple/x/", link) == expected


def path_of_nothing() -> Path:
    """Return a home folder that does not exist."""
    return Path("/nonexistent")
