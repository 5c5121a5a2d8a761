"""Pairs of real projects that own the same files, found by the ends of their wheels; fixes from the real index."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envsolver.sources.http import HttpClient

if TYPE_CHECKING:
    from tests.support.cli import CommandLine

pytestmark = pytest.mark.live

PAIRS = {
    "nvidia/cudnn/lib/libcudnn": ("nvidia-cudnn-cu12==9.20.0.48", "nvidia-cudnn-cu13==9.20.0.48"),
    "onnxruntime/capi/": ("onnxruntime==1.17.1", "onnxruntime-gpu==1.17.1"),
    "cv2/cv2.abi3.so": ("opencv-python==4.10.0.84", "opencv-python-headless==4.10.0.84"),
}
MEGABYTE = 1_000_000


def test_shared_files_are_found_without_the_wheels(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    clients = []
    enter = HttpClient.__aenter__

    async def entered(self: HttpClient) -> HttpClient:
        clients.append(self)
        return await enter(self)

    monkeypatch.setattr(HttpClient, "__aenter__", entered)
    pins = [pin for pair in PAIRS.values() for pin in pair]
    (cli.root / "requirements.txt").write_text("\n".join(pins), encoding="utf-8")
    document = cli("check", "--file", "requirements.txt", "--python", "3.10", "--files", "--json").json
    found = [one for one in document["environments"][0]["findings"] if one["code"] == "DUP003"]
    assert {tuple(sorted(package.replace(" ", "==") for package in one["packages"])) for one in found} == {
        tuple(sorted(pair)) for pair in PAIRS.values()
    }
    assert all(one["severity"] == "error" for one in found)
    assert all(any(path in one["message"] for one in found) for path in PAIRS)
    # The wheels have 1,335 MB together; this is the pages of six projects and the ends of six wheels.
    received = sum(client.received for client in clients)
    assert received < 4 * MEGABYTE, received


def test_a_fix_is_solved_against_the_real_index(cli: CommandLine) -> None:
    text = "deepspeed==0.8.0\npydantic==2.10.6\n    # via deepspeed\ntorch==1.13.1\n    # via deepspeed\n"
    (cli.root / "requirements.txt").write_text(text, encoding="utf-8")
    document = cli("check", "--file", "requirements.txt", "--python", "3.8", "--fixes", "--json").json
    finding = next(one for one in document["environments"][0]["findings"] if one["rule"] == "DEEPSPEED-PYDANTIC2")
    assert finding["fix"]["title"].startswith(("pydantic==1.10.", "annotated-types"))
