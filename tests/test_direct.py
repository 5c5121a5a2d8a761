from __future__ import annotations

import asyncio
import os
import subprocess
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from envsolver.model.candidate import DIRECT_INDEX, Name
from envsolver.model.errors import FileError, MetadataUnusableError, NetworkError
from envsolver.sources.cache import Cache
from envsolver.sources.digests import Digests
from envsolver.sources.direct import DirectReferences
from envsolver.sources.git import Git
from envsolver.sources.http import HttpClient
from envsolver.sources.metadata import MetadataReader
from tests.support.cli import CommandLine, publish
from tests.support.metadata import CountingBuilder
from tests.support.packages import make_sdist, make_wheel, sha256

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from envsolver.model.candidate import File, Metadata, Page
    from tests.support.index_server import IndexServer

WHEEL = "demo-1.0-cp38-cp38-manylinux1_x86_64.whl"
STATIC = '[project]\nname = "demo"\nversion = "1.0"\ndependencies = ["six"]\nrequires-python = ">=3.8"\n'
DYNAMIC = '[project]\nname = "demo"\ndynamic = ["version", "dependencies"]\n'


class FolderBuilder(CountingBuilder):
    """A builder that takes what it answers from the folder, to show that it saw the right one."""

    async def metadata_of_folder(self, folder: Path, label: str) -> bytes:
        self.built.append(label)
        return f"Name: demo\nVersion: 2.0\nRequires-Dist: {(folder / 'requirement').read_text()}\n".encode()


@asynccontextmanager
async def references(
    cache: Path | None = None, builder: FolderBuilder | None = None, *, offline: bool = False, git: Git | None = None
) -> AsyncIterator[tuple[DirectReferences, MetadataReader]]:
    async with HttpClient(offline=offline) as http:
        kept = Cache(cache)
        reader = MetadataReader(http, kept, builder, offline=offline)
        digests = Digests(http=http, cache=kept, offline=offline)
        direct = DirectReferences(
            http=http, cache=kept, reader=reader, digest=digests.digest, builder=builder, git=git, offline=offline
        )
        try:
            yield direct, reader
        finally:
            await reader.close()
            await digests.close()


def refer(
    url: str,
    builder: FolderBuilder | None = None,
    *,
    name: str = "demo",
    cache: Path | None = None,
    offline: bool = False,
    git: Git | None = None,
) -> tuple[Page, File, Metadata]:
    async def go() -> tuple[Page, File, Metadata]:
        async with references(cache, builder, offline=offline, git=git) as (direct, reader):
            page = await direct.page(Name(name), url)
            (release,) = page.releases
            (file,) = page.files(release.version)
            assert page.files("0") == ()
            assert (page.index, file.index) == (DIRECT_INDEX, DIRECT_INDEX)
            return page, file, await reader.read(file)

    return asyncio.run(go())


class TestArchives:
    def test_a_wheel_with_its_digest_is_not_fetched_whole(self, index_server: IndexServer) -> None:
        files: dict[str, str | bytes] = {"demo.bin": bytes(range(256)) * 4000}
        data = make_wheel("demo", "1.0", requires=["six"], requires_python=">=3.8", files=files, stored=True)
        index_server.add(WHEEL, data)
        page, file, metadata = refer(f"{index_server.file_url(WHEEL)}#sha256={sha256(data).upper()}")
        assert file.sha256 == sha256(data)
        assert file.url == index_server.file_url(WHEEL)
        assert metadata.requires_dist == ("six",)
        assert page.releases[0].version == "1.0"
        assert page.shapes[0].tags == "cp38-cp38-manylinux1_x86_64"
        assert page.shapes[0].requires_python == file.requires_python == ">=3.8"
        assert index_server.served < 50_000

    def test_without_one_it_is_computed(self, index_server: IndexServer) -> None:
        data = make_wheel("demo", "1.0", requires=["six"])
        index_server.add(WHEEL, data)
        _, file, metadata = refer(index_server.file_url(WHEEL))
        assert (file.sha256, file.size) == (sha256(data), len(data))
        assert metadata.requires_dist == ("six",)

    def test_a_wrong_digest_is_noticed(self, index_server: IndexServer) -> None:
        index_server.add(WHEEL, make_wheel("demo", "1.0"))
        with pytest.raises(NetworkError, match=r"its sha256 is .*, its URL says 0000"):
            refer(f"{index_server.file_url(WHEEL)}#sha256={'0' * 64}")

    def test_a_local_file(self, tmp_path: Path) -> None:
        data = make_sdist("demo", "1.0", requires=["six"])
        (tmp_path / "demo-1.0.tar.gz").write_bytes(data)
        _, file, metadata = refer((tmp_path / "demo-1.0.tar.gz").as_uri(), offline=True)
        assert file.sha256 == sha256(data)
        assert (file.kind, metadata.source, metadata.requires_dist) == ("sdist", "sdist-claim", ("six",))

    def test_the_version_may_stand_inside_only(self, index_server: IndexServer, tmp_path: Path) -> None:
        index_server.route("/archive/main.tar.gz", make_sdist("demo", "1.0.0", static=True, requires=["six"]))
        url = f"{index_server.base}/archive/main.tar.gz"
        page, _, metadata = refer(url, cache=tmp_path)
        assert page.releases[0].version == "1.0.0"
        assert metadata.requires_dist == ("six",)

    def test_a_build_may_have_to_tell_it_once(self, index_server: IndexServer, tmp_path: Path) -> None:
        class Builder(FolderBuilder):
            async def metadata(self, file: File) -> bytes:
                self.built.append(file.filename)
                return b"Name: demo\nVersion: 3\n"

        data = make_sdist("demo", "3", style="none", pkg_info="Name: demo\n")
        index_server.route("/archive/main.tar.gz", data)
        url = f"{index_server.base}/archive/main.tar.gz#sha256={sha256(data)}"
        builder = Builder()
        for offline in (False, True):
            page, _, metadata = refer(url, builder, cache=tmp_path, offline=offline)
            assert (page.releases[0].version, metadata.source) == ("3", "built")
            assert metadata.built_with == builder.interpreter
        assert builder.built == ["main.tar.gz"]
        with pytest.raises(MetadataUnusableError, match="this run builds nothing"):
            refer(url)

    def test_a_second_run_needs_no_network(self, index_server: IndexServer, tmp_path: Path) -> None:
        data = make_wheel("demo", "1.0", requires=["six"])
        index_server.add(WHEEL, data)
        url = f"{index_server.file_url(WHEEL)}#sha256={sha256(data)}"
        first = refer(url, cache=tmp_path)
        assert refer(url, cache=tmp_path, offline=True)[1:] == first[1:]

    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("https://example.org/demo", "neither a wheel nor an sdist"),
            ("https://example.org/other-1.0-py3-none-any.whl", "not that of a wheel of 'demo'"),
            ("https://example.org/demo-1.0.tar.gz#sha256=abc", "sha256= is not one"),
            ("https://example.org/demo-1.0.tar.gz#subdirectory=x", "only a repository"),
            ("ftp://example.org/demo-1.0.tar.gz", "ftp is no way"),
            ("../demo-1.0.tar.gz", "a path is no way"),
        ],
    )
    def test_what_is_refused(self, url: str, reason: str) -> None:
        with pytest.raises(MetadataUnusableError, match=reason):
            refer(url)

    def test_a_folder_is_refused_because_nothing_identifies_it(self, tmp_path: Path) -> None:
        with pytest.raises(MetadataUnusableError, match="no sha256 and no commit") as caught:
            refer(tmp_path.as_uri())
        assert caught.value.hint is not None

    def test_another_project(self, index_server: IndexServer) -> None:
        index_server.route("/archive/main.tar.gz", make_sdist("other", "1.0", static=True))
        with pytest.raises(MetadataUnusableError, match="builds nothing"):
            refer(f"{index_server.base}/archive/main.tar.gz")
        index_server.add(WHEEL, make_wheel("other", "1.0"))
        with pytest.raises(MetadataUnusableError, match="has not one METADATA of 'demo'"):
            refer(index_server.file_url(WHEEL))

    def test_no_secret_in_messages(self, index_server: IndexServer) -> None:
        with pytest.raises(MetadataUnusableError) as caught:
            refer("https://user:secret@example.org/demo?token=secret")
        assert "secret" not in str(caught.value)


class Repository:
    """A git repository on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")

    @property
    def url(self) -> str:
        return f"git+{self.folder.as_uri()}"

    def git(self, *arguments: str) -> str:
        settings = ["user.name=T", "user.email=t@example.org", "commit.gpgSign=false", "protocol.file.allow=always"]
        options = [part for setting in settings for part in ("-c", setting)]
        run = subprocess.run(
            ["git", *options, *arguments], cwd=self.folder, check=True, capture_output=True, text=True, timeout=60
        )
        return run.stdout.strip()

    def commit(self, **files: str) -> str:
        """Commit files (``__`` in a name stands for ``/``); return the commit."""
        for name, content in files.items():
            path = self.folder / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=x")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repo.git")


class TestRepositories:
    def test_the_default_branch(self, repository: Repository) -> None:
        commit = repository.commit(**{"pyproject.toml": STATIC})
        page, file, metadata = refer(repository.url)
        assert file.url == f"{repository.url}@{commit}"
        assert (file.sha256, file.kind, file.filename) == (None, "sdist", f"repo@{commit[:12]}")
        assert (page.releases[0].version, page.shapes[0].requires_python) == ("1.0", ">=3.8")
        assert (metadata.source, metadata.requires_dist) == ("sdist-static", ("six",))

    def test_revisions_of_every_kind(self, repository: Repository) -> None:
        first = repository.commit(**{"pyproject.toml": STATIC})
        repository.git("tag", "light")
        repository.git("tag", "--annotate", "--message=x", "v1.0")
        repository.git("branch", "feature/x")
        repository.git("update-ref", "refs/pull/7/head", first)
        second = repository.commit(**{"pyproject.toml": STATIC.replace("1.0", "1.1")})
        for revision in ("light", "v1.0", "feature/x", first, first[:10], "refs/pull/7/head", "refs/tags/v1.0"):
            page, file, _ = refer(f"{repository.url}@{revision}")
            assert file.url == f"{repository.url}@{first}", revision
            assert page.releases[0].version == "1.0"
        assert refer(f"{repository.url}@main")[1].url.endswith(second)

    def test_a_commit_that_no_branch_leads_to(self, repository: Repository) -> None:
        repository.commit(**{"pyproject.toml": STATIC})
        repository.git("checkout", "--quiet", "--detach")
        lost = repository.commit(**{"pyproject.toml": STATIC.replace("1.0", "1.5")})
        repository.git("update-ref", "refs/pull/7/head", lost)
        repository.git("checkout", "--quiet", "main")
        assert refer(f"{repository.url}@{lost}")[0].releases[0].version == "1.5"

    def test_a_subdirectory(self, repository: Repository) -> None:
        commit = repository.commit(**{"python__demo__pyproject.toml": STATIC})
        _, file, _ = refer(f"{repository.url}@main#egg=demo&subdirectory=python/demo")
        assert file.url == f"{repository.url}@{commit}#subdirectory=python/demo"
        with pytest.raises(MetadataUnusableError, match="no folder 'else'"):
            refer(f"{repository.url}#subdirectory=else")

    def test_links_do_not_lead_out_of_it(self, repository: Repository, tmp_path: Path) -> None:
        (tmp_path / "outside").mkdir()
        (tmp_path / "outside" / "pyproject.toml").write_text(STATIC)
        (repository.folder / "link").symlink_to(tmp_path / "outside")
        (repository.folder / "pyproject.toml").symlink_to(tmp_path / "outside" / "pyproject.toml")
        repository.commit()
        with pytest.raises(MetadataUnusableError, match="no folder 'link'"):
            refer(f"{repository.url}#subdirectory=link")
        with pytest.raises(MetadataUnusableError, match="only a build"):
            refer(repository.url)

    def test_a_build_and_its_cache(self, repository: Repository, tmp_path: Path) -> None:
        repository.commit(**{"pyproject.toml": DYNAMIC, "requirement": "numpy"})
        builder = FolderBuilder()
        page, file, metadata = refer(repository.url, builder, cache=tmp_path / "cache")
        assert (page.releases[0].version, metadata.requires_dist) == ("2.0", ("numpy",))
        assert metadata.built_with == builder.interpreter
        assert len(builder.built) == 1
        again = refer(file.url, builder, cache=tmp_path / "cache", offline=True)
        assert again[1:] == (file, metadata)
        assert len(builder.built) == 1
        with pytest.raises(NetworkError, match=r"only a build .* this run is offline"):
            refer(repository.url, FolderBuilder(), offline=True)

    def test_offline_a_remote_repository_is_not_asked(self) -> None:
        with pytest.raises(NetworkError, match="this run is offline"):
            refer("git+https://example.org/org/repo@main", offline=True)

    def test_another_project(self, repository: Repository) -> None:
        repository.commit(**{"pyproject.toml": DYNAMIC, "requirement": "numpy"})
        with pytest.raises(MetadataUnusableError, match="those of 'demo', not of 'other'"):
            refer(repository.url, FolderBuilder(), name="other")

    def test_submodules_come_along(self, repository: Repository, tmp_path: Path) -> None:
        inner = Repository(tmp_path / "inner.git")
        inner.commit(requirement="scipy")
        repository.git("submodule", "--quiet", "add", inner.folder.as_uri(), "inner")
        repository.commit(**{"pyproject.toml": DYNAMIC, "requirement": "numpy"})
        # git itself forbids submodules by file path, unless the user's configuration allows them.
        settings = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "protocol.file.allow", "GIT_CONFIG_VALUE_0": "always"}
        _, _, metadata = refer(
            f"{repository.url}#subdirectory=inner", FolderBuilder(), git=Git({**os.environ, **settings})
        )
        assert metadata.requires_dist == ("scipy",)
        with pytest.raises(NetworkError, match="not allowed"):
            refer(repository.url, FolderBuilder())

    def test_a_hook_in_the_repository_is_not_run(self, repository: Repository, tmp_path: Path) -> None:
        marker = tmp_path / "ran"
        repository.commit(**{"pyproject.toml": STATIC, "hooks__post-checkout": f"#!/bin/sh\ntouch {marker}\n"})
        refer(repository.url)
        assert not marker.exists()

    def test_git_in_a_hook_of_another_repository(
        self, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        repository.commit(**{"pyproject.toml": STATIC})
        monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
        assert refer(repository.url)[0].releases[0].version == "1.0"

    @pytest.mark.parametrize("revision", ["nowhere", "0" * 40])
    def test_a_revision_that_is_not_there(self, repository: Repository, revision: str) -> None:
        repository.commit(**{"pyproject.toml": STATIC})
        with pytest.raises(NetworkError, match="git fetch: "):
            refer(f"{repository.url}@{revision}")

    def test_a_repository_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(NetworkError, match=r"git ls-remote: .*does not"):
            refer(f"git+{(tmp_path / 'nothing').as_uri()}")

    def test_without_git(self, tmp_path: Path) -> None:
        with pytest.raises(FileError, match="there is no git here"):
            refer("git+https://example.org/repo", git=Git({"PATH": str(tmp_path)}))

    def test_a_git_that_hangs(self, tmp_path: Path) -> None:
        (tmp_path / "git").write_text("#!/bin/sh\nexec sleep 600\n")
        (tmp_path / "git").chmod(0o755)
        git = Git({"PATH": f"{tmp_path}:{os.environ['PATH']}"}, timeout_s=0.2)
        with pytest.raises(NetworkError, match="longer than"):
            refer("git+https://example.org/repo", git=git)

    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("git+https://example.org/repo@--upload-pack=evil", "no revision"),
            ("git+https://example.org/repo@", "no revision"),
            ("git+https://example.org/repo@a..b", "no revision"),
            ("git+https://example.org/repo@a%20b", "no revision"),
            ("git+https://example.org/@main", "names no repository"),
            ("git+https://user:secret@example.org/repo", "holds credentials"),
            ("git+https://secret@example.org/repo", "holds credentials"),
            ("git+ssh://git:secret@example.org/repo", "holds credentials"),
            ("git+ext://sh -c evil/repo", "no way"),
            ("hg+https://example.org/repo", "no way"),
            ("git+https://example.org/repo#subdirectory=../x", "outside"),
        ],
    )
    def test_what_is_refused(self, url: str, reason: str) -> None:
        with pytest.raises(MetadataUnusableError, match=reason) as caught:
            refer(url)
        assert "secret" not in str(caught.value)


class TestLocked:
    """Direct references through the command line: what a lock keeps of them, and what its exports say."""

    @pytest.fixture
    def cli(self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
        monkeypatch.chdir(tmp_path)
        return CommandLine(tmp_path, capsys)

    def spec(self, cli: CommandLine, *requirements: str) -> None:
        lines = "".join(f"  - {requirement}\n" for requirement in requirements)
        cli.spec("a", f'python: "3.8"\nplatforms: [linux-64]\npip:\n{lines}')

    def relocked(self, cli: CommandLine, *args: str) -> bytes:
        """Lock once more from nothing but the spec and the cache; return the lock."""
        cli.lock_file("a").unlink()
        done = cli("lock", "a", *args)
        assert done.status == 0, done.err
        return cli.lock_file("a").read_bytes()

    def test_archives(self, cli: CommandLine, default_index: IndexServer) -> None:
        wheel, sdist = make_wheel("demo", "1.0", requires=["lib<2"]), make_sdist("other", "3.0", requires=["lib"])
        for version in ("1.0", "2.0"):
            publish(default_index, "lib", version)
        default_index.add(WHEEL, wheel, index="elsewhere")
        (cli.root / "other-3.0.tar.gz").write_bytes(sdist)
        url, path = default_index.file_url(WHEEL, "elsewhere"), (cli.root / "other-3.0.tar.gz").as_uri()
        self.spec(cli, f"demo @ {url}", f"other @ {path}")
        assert cli("lock", "a").status == 0
        lock = cli.lock_file("a").read_bytes()
        pylock = cli("export", "a", "--format", "pylock").out
        for text in (lock.decode(), cli.requirements_file("a").read_text(encoding="utf-8"), pylock):
            for expected in (url, path, sha256(wheel), sha256(sdist), "1.0"):
                assert expected in text
        default_index.stop()
        assert self.relocked(cli, "--offline") == lock

    def test_a_file_that_is_replaced_is_noticed(self, cli: CommandLine, default_index: IndexServer) -> None:
        wheel, newer = make_wheel("demo", "1.0"), make_wheel("demo", "1.0", files={"demo.py": "other"})
        default_index.add(WHEEL, wheel, index="elsewhere")
        self.spec(cli, f"demo @ {default_index.file_url(WHEEL, 'elsewhere')}")
        cli("lock", "a")
        default_index.add(WHEEL, newer, index="elsewhere")
        done = cli("lock", "a", "--refresh")
        assert "rehashed, same version" in done.said
        assert sha256(newer) in cli.requirements_file("a").read_text(encoding="utf-8")

    def test_a_branch_stays_where_it_was_locked(
        self, cli: CommandLine, repository: Repository, default_index: IndexServer
    ) -> None:
        publish(default_index, "six", "1.0")
        first = repository.commit(**{"pyproject.toml": STATIC})
        self.spec(cli, f"demo @ {repository.url}@main")
        assert cli("lock", "a").status == 0
        text = cli.lock_file("a").read_text(encoding="utf-8")
        assert f'url = "{repository.url}"\ncommit = "{first}"' in text
        second = repository.commit(**{"pyproject.toml": STATIC.replace("1.0", "1.1")})
        self.spec(cli, f"demo @ {repository.url}@main", "six")
        done = cli("lock", "a")
        assert done.status == 0, done.err
        assert first in cli.lock_file("a").read_text(encoding="utf-8")
        assert "demo" not in done.said
        pylock = cli("export", "a", "--format", "pylock").out
        assert f'url = "{repository.folder.as_uri()}"\ncommit-id = "{first}"' in pylock
        assert f"demo @ {repository.url}@{first}" in cli("export", "a", "--format", "constraints").out
        # It moves where that is asked for, and where the spec names another branch.
        assert cli("lock", "a", "--upgrade-package", "demo").status == 0
        assert second in cli.lock_file("a").read_text(encoding="utf-8")
        repository.git("branch", "old", first)
        self.spec(cli, f"demo @ {repository.url}@old", "six")
        assert cli("lock", "a").status == 0
        assert first in cli.lock_file("a").read_text(encoding="utf-8")

    def test_a_commit_that_is_locked_needs_no_repository(
        self, cli: CommandLine, repository: Repository, default_index: IndexServer
    ) -> None:
        for name in ("six", "seven"):
            publish(default_index, name, "1.0")
        commit = repository.commit(**{"pyproject.toml": STATIC})
        self.spec(cli, f"demo @ {repository.url}@main", "seven")
        assert cli("lock", "a").status == 0
        repository.folder.rename(repository.folder.with_name("gone"))
        default_index.stop()
        self.spec(cli, "seven", f"demo @ {repository.url}@main")
        done = cli("lock", "a", "--offline")
        assert done.status == 0, done.err
        assert commit in cli.lock_file("a").read_text(encoding="utf-8")

    def test_a_locked_commit_that_is_gone(
        self, cli: CommandLine, repository: Repository, default_index: IndexServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        publish(default_index, "six", "1.0")
        repository.commit(**{"pyproject.toml": STATIC})
        self.spec(cli, f"demo @ {repository.url}@main")
        assert cli("lock", "a").status == 0
        before = cli.lock_file("a").read_bytes()
        repository.git("commit", "--quiet", "--amend", "--message=another")
        repository.git("reflog", "expire", "--expire=now", "--all")
        repository.git("gc", "--quiet", "--prune=now")
        monkeypatch.setenv("ENVSOLVER_CACHE_DIR", str(cli.root / "empty"))
        done = cli("lock", "a", "--refresh")
        assert done.status == 4
        assert "--upgrade-package demo takes what main is now" in done.said
        assert cli.lock_file("a").read_bytes() == before
        assert cli("lock", "a", "--upgrade-package", "demo").status == 0
