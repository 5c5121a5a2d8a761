"""The loopback index and the packages made in memory are what real tools take them for."""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.client
import io
import json
import socket
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from packaging.metadata import Metadata

from tests.conftest import LeftMachineError
from tests.support.index_pages import HTML_TYPE, JSON_TYPE
from tests.support.packages import (
    make_sdist,
    make_wheel,
    metadata_text,
    requires_txt,
    sdist_filename,
    sha256,
    wheel_filename,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.index_server import IndexServer
    from tests.support.packages import SdistStyle


def fetch(url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers (lower-case names) and body, whatever the status."""
    request = urllib.request.Request(url, headers={key.replace("_", "-"): value for key, value in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status, {key.lower(): value for key, value in reply.headers.items()}, reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, {key.lower(): value for key, value in error.headers.items()}, error.read()


def add_wheel(server: IndexServer, name: str = "demo", version: str = "1.0", **said: Any) -> bytes:
    """Put a wheel on the server and return it."""
    data = make_wheel(name, version)
    server.add(wheel_filename(name, version), data, **said)
    return data


def test_wheel_is_deterministic_and_its_record_is_right() -> None:
    first, second = (make_wheel("de-mo", "1.0", requires=["a>=1"], tag="cp38-abi3-linux_x86_64") for _ in range(2))
    assert first == second
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        names = archive.namelist()
        record = archive.read("de_mo-1.0.dist-info/RECORD").decode().splitlines()
    assert [line.split(",")[0] for line in record] == names
    assert record[-1] == "de_mo-1.0.dist-info/RECORD,,"


def test_wheel_record_hashes_its_members() -> None:
    data = make_wheel("demo", "1.0", files={"demo/__init__.py": "", "demo/data.bin": b"\0" * 999})
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        lines = archive.read("demo-1.0.dist-info/RECORD").decode().splitlines()[:-1]
        for path, digest, size in (line.split(",") for line in lines):
            content = archive.read(path)
            padded = digest.removeprefix("sha256=") + "="
            assert (base64.urlsafe_b64decode(padded).hex(), size) == (sha256(content), str(len(content)))
    assert len(lines) == 4


def test_metadata_is_accepted_by_packaging() -> None:
    text = metadata_text(
        "demo",
        "1.0",
        requires=["a>=1", 'b ; python_version < "3.9"'],
        requires_python=">=3.8",
        extras={"x": ["c", 'd>2 ; os_name == "nt" or os_name == "posix"']},
    )
    parsed = Metadata.from_email(text)
    assert [str(requirement) for requirement in parsed.requires_dist or []] == [
        "a>=1",
        'b; python_version < "3.9"',
        'c; extra == "x"',
        'd>2; (os_name == "nt" or os_name == "posix") and extra == "x"',
    ]
    assert parsed.provides_extra == ["x"]


@pytest.mark.parametrize(
    ("style", "version", "says", "egg_info"),
    [
        ("static", "2.2", True, False),
        ("claimed", "2.1", True, False),
        ("egg-info", "2.1", False, True),
        ("none", "2.1", False, False),
    ],
)
def test_sdist_styles(style: SdistStyle, version: str, says: bool, egg_info: bool) -> None:
    first, second = (make_sdist("demo", "1.0", requires=["a>=1"], style=style) for _ in range(2))
    assert first == second
    with tarfile.open(fileobj=io.BytesIO(first)) as archive:
        member = archive.extractfile("demo-1.0/PKG-INFO")
        assert member is not None
        text = member.read().decode()
        names = archive.getnames()
    assert f"Metadata-Version: {version}\n" in text
    assert ("Requires-Dist: a>=1" in text) is says
    assert ("demo-1.0/demo.egg-info/requires.txt" in names) is egg_info


def test_sdist_can_put_its_information_last() -> None:
    data = make_sdist("demo", "1.0", style="egg-info", info_last=True, files={"big.bin": b"x" * 10})
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        names = archive.getnames()
    assert names.index("demo-1.0/big.bin") < names.index("demo-1.0/PKG-INFO")


def test_requires_txt_has_the_sections_of_setuptools() -> None:
    text = requires_txt(["a", 'b ; python_version<"3"'], {"x": ["c", 'd ; os_name=="nt"']})
    assert text == 'a\n\n[:python_version<"3"]\nb\n\n[x]\nc\n\n[x:os_name=="nt"]\nd\n'


def test_json_page(index_server: IndexServer) -> None:
    data = add_wheel(index_server, requires_python=">=3.8", yanked="broken", upload_time="2024-01-02T03:04:05Z")
    status, headers, body = fetch(index_server.url() + "demo/", Accept=JSON_TYPE)
    page = json.loads(body)
    assert (status, headers["content-type"], page["meta"]["api-version"]) == (200, JSON_TYPE, "1.1")
    assert page["files"] == [
        {
            "filename": "demo-1.0-py3-none-any.whl",
            "url": index_server.file_url("demo-1.0-py3-none-any.whl"),
            "hashes": {"sha256": sha256(data)},
            "requires-python": ">=3.8",
            "yanked": "broken",
            "size": len(data),
            "upload-time": "2024-01-02T03:04:05Z",
        }
    ]


def test_html_page_and_negotiation(index_server: IndexServer) -> None:
    data = add_wheel(index_server, requires_python=">=3.8", yanked=True, metadata=True)
    _, headers, negotiated = fetch(index_server.url() + "demo/", Accept="text/html")
    assert headers["content-type"] == HTML_TYPE
    index_server.index(format="html")
    _, headers, body = fetch(index_server.url() + "demo/", Accept=JSON_TYPE)
    assert (headers["content-type"], body) == (HTML_TYPE, negotiated)
    text = body.decode()
    assert f'#sha256={sha256(data)}"' in text
    assert 'data-requires-python="&gt;=3.8"' in text
    assert 'data-yanked=""' in text
    assert 'data-core-metadata="sha256=' in text


@pytest.mark.parametrize(
    ("links", "href"),
    [
        ("relative", "../../files/simple/demo-1.0-py3-none-any.whl"),
        ("root", "/files/simple/demo-1.0-py3-none-any.whl"),
    ],
)
def test_link_styles(index_server: IndexServer, links: str, href: str) -> None:
    add_wheel(index_server, hashes=False)
    index_server.index(format="html", links=links)
    _, _, body = fetch(index_server.url() + "demo/")
    assert f'href="{href}"' in body.decode()


def test_files_may_live_on_another_server(
    index_server: IndexServer, new_index_server: Callable[[], IndexServer]
) -> None:
    other = new_index_server()
    data = add_wheel(other)
    add_wheel(index_server)
    index_server.index(files_at=other.base)
    _, _, body = fetch(index_server.url() + "demo/", Accept=JSON_TYPE)
    assert fetch(json.loads(body)["files"][0]["url"])[2] == data
    assert len(other.asked("/files/*")) == 1


def test_find_links_page(index_server: IndexServer) -> None:
    index_server.index("flat", format="find-links", links="relative")
    add_wheel(index_server, index="flat")
    status, _, body = fetch(index_server.url("flat"))
    assert status == 200
    assert 'href="files/flat/demo-1.0-py3-none-any.whl#sha256=' in body.decode()


def test_metadata_file(index_server: IndexServer) -> None:
    add_wheel(index_server, metadata=True)
    add_wheel(index_server, version="2.0")
    assert (
        fetch(index_server.file_url("demo-1.0-py3-none-any.whl.metadata"))[2] == metadata_text("demo", "1.0").encode()
    )
    assert fetch(index_server.file_url("demo-2.0-py3-none-any.whl.metadata"))[0] == 404
    index_server.index(core_metadata=False)
    assert fetch(index_server.file_url("demo-1.0-py3-none-any.whl.metadata"))[0] == 404


@pytest.mark.parametrize(
    ("support", "asked", "status", "part"),
    [
        ("full", "bytes=0-3", 206, slice(0, 4)),
        ("full", "bytes=-5", 206, slice(-5, None)),
        ("full", "bytes=7-", 206, slice(7, None)),
        ("full", "bytes=-999999", 206, slice(None)),
        ("full", "bytes=999999-", 416, slice(0, 0)),
        ("no-suffix", "bytes=-5", 501, slice(0, 0)),
        ("no-suffix", "bytes=0-3", 206, slice(0, 4)),
        ("ignored", "bytes=-5", 200, slice(None)),
        ("refused", "bytes=-5", 416, slice(0, 0)),
    ],
)
def test_ranges(index_server: IndexServer, support: str, asked: str, status: int, part: slice) -> None:
    data = add_wheel(index_server)
    index_server.index(ranges=support)
    got, headers, body = fetch(index_server.file_url("demo-1.0-py3-none-any.whl"), Range=asked)
    assert (got, body) == (status, data[part])
    assert (headers.get("content-range", f"/{len(data)}")).endswith(f"/{len(data)}")
    assert index_server.requests[-1].range == asked


def test_validators_and_cache_control(index_server: IndexServer) -> None:
    add_wheel(index_server)
    index_server.index(etag=True, cache_control="max-age=600")
    _, headers, _ = fetch(index_server.url() + "demo/")
    assert headers["cache-control"] == "max-age=600"
    assert fetch(index_server.url() + "demo/", If_None_Match=headers["etag"])[::2] == (304, b"")
    add_wheel(index_server, version="2.0")
    assert fetch(index_server.url() + "demo/", If_None_Match=headers["etag"])[0] == 200


def test_basic_auth(index_server: IndexServer) -> None:
    add_wheel(index_server)
    index_server.index(auth=("me", "secret"))
    assert fetch(index_server.url() + "demo/")[0] == 401
    assert fetch(index_server.url() + "demo/", Authorization="Basic bWU6c2VjcmV0")[0] == 200


def test_compressed_pages(index_server: IndexServer) -> None:
    add_wheel(index_server)
    _, _, plain = fetch(index_server.url() + "demo/")
    index_server.index(compress=True)
    _, headers, body = fetch(index_server.url() + "demo/", Accept_Encoding="gzip")
    assert (headers["content-encoding"], gzip.decompress(body)) == ("gzip", plain)


def test_status_so_many_times_then_well(index_server: IndexServer) -> None:
    add_wheel(index_server)
    fault = index_server.fault("/simple/*", status=503, times=2, headers={"Retry-After": "0"})
    replies = [fetch(index_server.url() + "demo/") for _ in range(3)]
    assert [status for status, _, _ in replies] == [503, 503, 200]
    assert replies[0][1]["retry-after"] == "0"
    assert fault.hits == 2


def test_connection_dropped(index_server: IndexServer) -> None:
    add_wheel(index_server)
    index_server.fault("/files/*", drop_after=10, times=1)
    with pytest.raises(http.client.IncompleteRead) as caught:
        fetch(index_server.file_url("demo-1.0-py3-none-any.whl"))
    assert len(caught.value.partial) == 10
    index_server.fault("/files/*", drop_after=-1, times=1)
    with pytest.raises(http.client.RemoteDisconnected):
        fetch(index_server.file_url("demo-1.0-py3-none-any.whl"))


def test_spoiled_bodies(index_server: IndexServer) -> None:
    data = add_wheel(index_server)
    index_server.fault("/simple/*", truncate=20, times=1)
    index_server.fault("/files/*", corrupt=0, times=1)
    _, headers, body = fetch(index_server.url() + "demo/", Accept=JSON_TYPE)
    assert (len(body), headers["content-length"]) == (20, "20")
    assert fetch(index_server.file_url("demo-1.0-py3-none-any.whl"))[2][0] == data[0] ^ 0xFF
    index_server.fault("/simple/*", content_type="text/plain", body=b"hello")
    _, headers, body = fetch(index_server.url() + "demo/")
    assert (headers["content-type"], body) == ("text/plain", b"hello")


def test_redirect_to_another_host(index_server: IndexServer) -> None:
    data = add_wheel(index_server)
    index_server.fault("/files/*", redirect=index_server.other_host + "{path}", times=1)
    assert fetch(index_server.file_url("demo-1.0-py3-none-any.whl"))[2] == data
    assert [request.headers["host"].split(":")[0] for request in index_server.requests] == ["127.0.0.1", "localhost"]


def test_delays_are_drawn_from_the_seed(index_server: IndexServer) -> None:
    fault = index_server.fault(jitter=1.0, seed=7, delay=0.5)
    assert fault.wait("/a", 1) == fault.wait("/a", 1)
    assert len({fault.wait("/a", 1), fault.wait("/a", 2), fault.wait("/b", 1)}) == 3
    assert 0.5 <= fault.wait("/a", 1) <= 1.5


def test_slow_link(index_server: IndexServer) -> None:
    index_server.route("/slow", b"x" * 10000)
    index_server.fault("/slow", pause=0.02)
    started = time.monotonic()
    assert len(fetch(index_server.base + "/slow")[2]) == 10000
    assert time.monotonic() - started >= 0.04
    assert index_server.served == 10000


def test_stopped_server_refuses(index_server: IndexServer) -> None:
    url = index_server.url()
    index_server.stop()
    with pytest.raises(urllib.error.URLError):
        fetch(url)


def test_guard_stops_what_leaves_the_machine() -> None:
    with socket.socket() as sock, pytest.raises(LeftMachineError):
        sock.connect(("192.0.2.1", 80))
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("example.org", 443)


def test_pip_installs_from_it(default_index: IndexServer, tmp_path: Path) -> None:
    default_index.add(wheel_filename("demo", "1.0"), make_wheel("demo", "1.0", requires=["leaf[x]"]), metadata=True)
    default_index.add(wheel_filename("leaf", "2.0"), make_wheel("leaf", "2.0", extras={"x": ["deep>=1"]}))
    default_index.add(wheel_filename("deep", "1.5"), make_wheel("deep", "1.5"))
    target = tmp_path / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(target), "demo"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in target.glob("*.py")) == ["deep.py", "demo.py", "leaf.py"]


def test_uv_resolves_from_it(default_index: IndexServer, tmp_path: Path) -> None:
    default_index.add(wheel_filename("demo", "1.0"), make_wheel("demo", "1.0", requires=["old"]))
    default_index.add(sdist_filename("old", "3.0"), sdist := make_sdist("old", "3.0", static=True))
    spec = tmp_path / "in.txt"
    spec.write_text("demo\n")
    command = [
        *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--generate-hashes", "--no-header", "--no-annotate"),
        *("--python-version", "3.8", "--cache-dir", str(tmp_path / "cache"), str(spec)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "demo==1.0" in done.stdout
    assert f"sha256:{hashlib.sha256(sdist).hexdigest()}" in done.stdout
