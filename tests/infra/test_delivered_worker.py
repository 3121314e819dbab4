"""The real archive on a scratch host: packed with this machine's own interpreter, installed, ready, and upgraded.

What the worker imports is copied from this environment: that the wheels which are really delivered fit the hosts is
test_bundling.py's. The licensed tool is a stand-in, which says so.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aws_cdk import App, Stack

from infra import bundling, worker_archive
from infra.configuration import read
from infra.named_data import NamedData
from infra.worker_environment import worker_environment
from shared.hosts import Host as HostItem
from shared.hosts import Hosts, HostState
from shared.job_table import JobTable
from tests import cloud as clouds
from tests.infra.deployment import known
from tests.infra.resources import text
from tests.infra.scratch_host import Host
from tests.stand_ins import polqa_tools

if TYPE_CHECKING:
    from infra.configuration import Configuration

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
BASE = Path(sys.base_prefix)
LIBRARY = f"lib/python{VERSION}"
# What no worker looks at takes the longest to pack, to unpack and to compile.
NOT_IN_LIBRARY = "site-packages|idlelib|tkinter|turtledemo|ensurepip|lib2to3|pydoc_data|distutils|config-[^/]*"
NOT_PACKED = re.compile(rf"{LIBRARY}/({NOT_IN_LIBRARY})(/|$)|.*/(__pycache__|tests?|[^/]*\.a|_test[^/]*\.so)$")
NOT_COPIED = re.compile(
    r".*/(tests|__pycache__|[^/]*\.(a|h|pyi|pxd))(/|$)"
    r"|botocore/data/(?!dynamodb/|logs/|s3/|sqs/)[^/]*/"  # those that `worker.clients` makes
)
INSTALL_SECONDS = 300
LOOK_SECONDS = 0.05

DEPLOYED = """
stage = "test"
[[pools]]
name = "polqa-3"
engine = "polqa"
preset = "polqa.toml"
[[pools.hosts]]
name = "licensed-1"
seats = 1
instance_id = "i-0123456789abcdef0"
[delivery]
python_archive = "python.tar.gz"
python_sha256 = "{sha256}"
python_version = "{version}"
"""

pytestmark = [
    pytest.mark.skipif(not (BASE / LIBRARY).is_dir(), reason="this interpreter is no tree that could be packed"),
    pytest.mark.timeout(INSTALL_SECONDS),
]


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    """A deployment whose engine is the stand-in of a licensed tool."""
    directory = tmp_path_factory.mktemp("delivered")
    polqa_tools.install(directory, "opticom-table")
    python = directory / "python.tar.gz"
    with tarfile.open(python, "w:gz", compresslevel=0) as archive:
        for part in (
            f"bin/python{VERSION}",
            LIBRARY,
            *(f"lib/{path.name}" for path in BASE.glob("lib/libpython*.so*")),
        ):
            archive.add(BASE / part, arcname=f"python/{part}", filter=_needed)
        link = tarfile.TarInfo("python/bin/python3")
        link.type, link.linkname = tarfile.SYMTYPE, f"python{VERSION}"
        archive.addfile(link)
    sha256 = hashlib.sha256(python.read_bytes()).hexdigest()
    (directory / "test.toml").write_text(DEPLOYED.format(sha256=sha256, version=VERSION))
    return read(directory / "test.toml")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path)
    yield host
    host.systemctl("stop")


@pytest.fixture
def archive(deployed: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Packs the worker, with a line of its own in the preset, so that it is a version of its own."""
    monkeypatch.setattr(bundling, "_install", _from_here)
    monkeypatch.setattr(worker_archive, "COMPRESSION", 0)  # a quarter of the time

    def pack(line: str) -> Path:
        [pool] = deployed.pools
        assert pool.preset
        assert deployed.delivery
        own = tmp_path / f"{line}.toml"
        own.write_text(f"{pool.preset.read_text()}# {line}\n")
        told = deployed.model_copy(update={"pools": (pool.model_copy(update={"preset": own}),)})
        target = tmp_path / f"{line}.tar.gz"
        worker_archive.build(told, deployed.delivery, target)
        return target

    return pack


def test_the_real_worker_is_installed_becomes_ready_and_is_upgraded(
    host: Host, archive: Callable[[str], Path], deployed: Configuration, cloud: clouds.Cloud
) -> None:
    [(pool, machine)] = deployed.hosts
    resources = clouds.fresh(cloud, [pool.pool])
    (host.root / "etc/mosaic").mkdir(parents=True)
    (host.root / "etc/mosaic/local.env").write_text(_reaching(resources))
    data = NamedData(Stack(App(), "Host"), deployed)
    told = known(text(Stack.of(data.scope).resolve(worker_environment(deployed, pool, machine, data))))
    settings = told.replace("/opt/mosaic", str(host.home))

    _install(host, archive("first"), settings)
    assert _where_from(host) == (host.home / "current").resolve()
    first = host.current
    told_first = _ready(resources, pool.name)
    assert (told_first.host, told_first.engine, told_first.seats) == ("licensed-1", "polqa", 1)

    _install(host, archive("second"), settings)
    assert host.versions == {first, host.current}
    assert host.current != first
    assert _ready(resources, pool.name, since=told_first.seen_at).state is HostState.READY


def _install(host: Host, archive: Path, settings: str) -> None:
    process = host.begin_with(archive, settings)
    said, _ = process.communicate(timeout=INSTALL_SECONDS)
    journal = host.root / "run/journal"
    assert process.returncode == 0, said + (journal.read_text() if journal.exists() else "")
    assert host.systemctl("is-active") == "active"


def _where_from(host: Host) -> Path:
    """Where the host's own interpreter finds numpy: what was delivered, and nothing of this environment."""
    command = ["bin/python", "-c", "import numpy; print(numpy.__file__)"]
    home = host.home / "current"
    found = subprocess.run(command, cwd=home, check=True, capture_output=True, text=True).stdout.strip()
    return Path(found).parents[1]


def _ready(resources: clouds.Resources, pool: str, since: float = 0.0) -> HostItem:
    """The one host of the pool, once it has told that it is ready."""
    hosts = Hosts(JobTable(resources.clients.dynamodb, resources.table))
    deadline = time.monotonic() + clouds.START_SECONDS
    while not (found := [one for one in hosts.known(pool) if one.seen_at > since and one.state is HostState.READY]):
        assert time.monotonic() < deadline
        time.sleep(LOOK_SECONDS)
    [one] = found
    return one


def _reaching(resources: clouds.Resources) -> str:
    """An operator's own settings: the embedded cloud, where the deployment says AWS."""
    told = {
        **resources.cloud.environment,
        "MOSAIC_TABLE": resources.table,
        "MOSAIC_BUCKET": resources.bucket,
        "MOSAIC_QUEUE_URLS": json.dumps(
            {name: url for name, url in resources.queue_urls.items() if name.startswith("polqa") or "malformed" in name}
        ),
        "MOSAIC_POLL_SECONDS": "1",
    }
    return "".join(f"{name}='{value}'\n" for name, value in told.items())


def _from_here(bundle: bundling.Bundle, target: Path, *_: str) -> None:
    """The packages of the lock, as this environment has them."""
    lock = (bundling.ROOT / "requirements" / f"{bundle.lock}.txt").read_text()
    for name in set(re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)):
        try:
            files = distribution(name).files or []
        except PackageNotFoundError:  # it is for another machine
            continue
        for file in files:
            if ".." not in file.parts and not NOT_COPIED.match(str(file)):
                (target / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file.locate(), target / file)


def _needed(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if NOT_PACKED.match(entry.name.removeprefix("python/")) else entry
