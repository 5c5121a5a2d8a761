"""A lock as a container image: a Dockerfile, and the folder that Azure Machine Learning makes an environment of."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import TYPE_CHECKING

from envsolver.formats import requirements
from envsolver.lock.digest import content_digest
from envsolver.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envsolver.lock.model import Lock, LockedTarget
    from envsolver.model.spec import Spec

__all__ = ["azureml", "dockerfile"]

_PLATFORMS = {"linux-64": "linux/amd64", "linux-aarch64": "linux/arm64", "linux-ppc64le": "linux/ppc64le"}
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]*(?:@sha256:[0-9a-f]{64})?")
_HOME = "/opt/env"
_CACHE = "/var/cache/pip"
_MARK = "REQUIREMENTS"
_SCHEMA = "https://azuremlschemas.azureedge.net/latest/environment.schema.json"
_AZURE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")


def dockerfile(lock: Lock, spec: Spec, *, platform: str | None = None, groups: Sequence[str] = ()) -> str:
    """Return a Dockerfile that needs no file beside it.

    What changes seldom stands first, labels come last: as long as the packages are the same, all other layers are in
    the cache.

    Args:
        lock: of the environment.
        spec: that it was made from; names the base image.
        platform: may be left out if the lock has one for Linux only.
        groups: beside the base.

    Raises:
        UsageError: it is not for Linux, holds packages of conda, something has no hash, or the base is no image.
    """
    target = _target(lock, platform, groups)
    lines = [
        "# syntax=docker/dockerfile:1",
        *_head(lock, target, groups),
        *_base(lock, spec, target),
        f"RUN {_python(lock)} -m venv {_HOME}",
        *_installs(lock, target, groups, inline=True),
        *_environment(),
        "RUN useradd --create-home --user-group --uid 10001 runner",
        "WORKDIR /home/runner",
        "USER 10001:10001",
        *_labels(lock, spec),
    ]
    return "\n".join(lines) + "\n"


def azureml(lock: Lock, spec: Spec, *, platform: str | None = None, groups: Sequence[str] = ()) -> Mapping[str, str]:
    """Return the files of an environment for ``az ml environment create --file environment.yml``, by path.

    Versions never change there: the version is made from the files, so that the same files are the same version.
    Arguments and errors as :func:`dockerfile`. Jobs run as the user that the service chooses: the image has none of its
    own.
    """
    import yaml

    target = _target(lock, platform, groups)
    if not _AZURE_NAME.fullmatch(lock.name):
        raise UsageError(f"{lock.name!r} cannot be the name of an environment of Azure Machine Learning")
    lines = [
        *_head(lock, target, groups),
        *_base(lock, spec, target),
        f"RUN {_python(lock)} -m venv {_HOME}",
        *_installs(lock, target, groups, inline=False),
        *_environment(),
        *_labels(lock, spec),
    ]
    context = {
        "context/Dockerfile": "\n".join(lines) + "\n",
        "context/requirements.txt": requirements.dumps(lock, platform=target.platform, groups=groups),
    }
    tags = {"envsolver-lock": content_digest(lock), "python": lock.python}
    if spec.gpu is not None and spec.gpu.version is not None:
        tags[spec.gpu.backend] = spec.gpu.version
    document = {
        "$schema": _SCHEMA,
        "name": lock.name,
        "version": sha256("\0".join(context.values()).encode()).hexdigest()[:16],
        **({"description": " ".join(spec.title.split())} if spec.title else {}),
        "tags": tags,
        "build": {"path": "context", "dockerfile_path": "Dockerfile"},
        "os_type": "linux",
    }
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1000)
    return {**context, "environment.yml": text}


def _target(lock: Lock, platform: str | None, groups: Sequence[str]) -> LockedTarget:
    linux = [one for one in lock.platforms if one in _PLATFORMS]
    if platform is None and len(linux) == 1:
        platform = linux[0]
    target = lock.target(platform, groups)
    if target.platform not in _PLATFORMS:
        raise UsageError(f"an image is for Linux, not for {target.platform}", hint=f"{lock.name} holds for {linux}")
    if lock.conda(target.name):
        raise UsageError(
            f"{lock.name} holds packages of conda, which pip cannot install into an image",
            hint="--format explicit is what micromamba takes in an image of its own",
        )
    return target


def _head(lock: Lock, target: LockedTarget, groups: Sequence[str]) -> Iterator[str]:
    chosen = f" with {', '.join(groups)}" if groups else ""
    yield requirements.comment(
        f"# {lock.name} on {target.platform}{chosen}, from a lock of envsolver: change the spec, lock, export anew."
    )


def _base(lock: Lock, spec: Spec, target: LockedTarget) -> Iterator[str]:
    image = spec.base_image or f"docker.io/library/python:{lock.python}-slim"
    if not _IMAGE.fullmatch(image):
        raise UsageError(f"{image!r} is no image that a Dockerfile can begin with", hint="look at `base-image`")
    if "@sha256:" not in image:
        yield "# The base is not fixed, a tag may mean another image tomorrow: `base-image: NAME@sha256:…` fixes it."
    yield f"FROM --platform={_PLATFORMS[target.platform]} {image}"


def _python(lock: Lock) -> str:
    """Return the interpreter by its minor version: another one fails here and not at the first import."""
    return f"python{'.'.join(lock.python.split('.')[:2])}"


def _installs(lock: Lock, target: LockedTarget, groups: Sequence[str], *, inline: bool) -> Iterator[str]:
    text = requirements.dumps(lock, platform=target.platform, groups=groups)
    if inline and _MARK in text.splitlines():
        raise UsageError(f"a line of the requirements is {_MARK}, which ends them in a Dockerfile")
    pins = lock.select(target.platform, groups)
    sources = sorted(pin.package.name for pin in pins if pin.file.kind == "sdist")
    if sources:
        yield f"# Built here with what their builds ask for today: {', '.join(sources)}. `envsolver build` fixes that."
    if inline:
        yield f"COPY <<'{_MARK}' {_HOME}/requirements.txt"
        yield text.rstrip("\n")
        yield f"{_MARK}\n"  # some linters ask for an empty line there
    else:
        yield f"COPY requirements.txt {_HOME}/requirements.txt"
    cache = f"--mount=type=cache,target={_CACHE} PIP_CACHE_DIR={_CACHE} " if inline else ""
    no_cache = "" if inline else " --no-cache-dir"
    pip = f"RUN {cache}{_HOME}/bin/python -m pip install{no_cache} --require-hashes --no-deps"
    # Everything is locked, so that pip has nothing to resolve.
    yield f"{pip} -r {_HOME}/requirements.txt"


def _environment() -> Iterator[str]:
    yield f"ENV VIRTUAL_ENV={_HOME} PATH={_HOME}/bin:$PATH"


def _labels(lock: Lock, spec: Spec) -> Iterator[str]:
    labels = {
        "org.opencontainers.image.title": lock.name,
        "org.opencontainers.image.description": spec.title or "",
        "org.opencontainers.image.base.name": (spec.base_image or "").partition("@")[0],
        "dev.envsolver.lock": content_digest(lock),
        "dev.envsolver.python": lock.python,
    }
    said = [f"{key}={_quoted(value)}" for key, value in labels.items() if value]
    yield "LABEL " + " \\\n      ".join(said)


def _quoted(text: str) -> str:
    """Return a text as a Dockerfile takes it: no variable is put in, no line ends."""
    return json.dumps(requirements.comment(text), ensure_ascii=False).replace("$", "\\$")
