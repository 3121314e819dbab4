"""The archive that goes to the hosts, as `install.sh` and systemd find it there."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

import pytest

from infra import bundling, worker_archive
from tests.infra import stages

if TYPE_CHECKING:
    from pathlib import Path


def _build(directory: Path, preset: str = "opticom-table") -> Path:
    directory.mkdir(exist_ok=True)
    configuration = stages.everything(directory, preset)
    assert configuration.delivery
    target = directory / "worker.tar.gz"
    worker_archive.build(configuration, configuration.delivery, target)
    return target


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _build(tmp_path_factory.mktemp("archive"))


def test_it_holds_what_the_installer_and_the_unit_ask_for(archive: Path) -> None:
    with tarfile.open(archive) as tar:
        names = set(tar.getnames())
        python = tar.getmember("bin/python")
    assert {"VERSION", "install.sh", "python/bin/python3", "worker/mosaic-worker.service"} <= names
    assert {"worker/__main__.py", "worker/engines/presets/opticom-table.toml", "shared/__init__.py"} <= names
    assert "presets/polqa-3.toml" in names
    assert (python.issym(), python.linkname) == (True, "../python/bin/python3")


def test_it_holds_nothing_of_other_parts_and_nothing_compiled_here(archive: Path) -> None:
    with tarfile.open(archive) as tar:
        top = {name.partition("/")[0] for name in tar.getnames()}
        assert not [name for name in tar.getnames() if name.endswith(".pyc")]
    assert not top & {"api", "infra", "sandbox", "tests", "client"}


def test_it_says_nothing_of_who_packed_it_and_when(archive: Path) -> None:
    with tarfile.open(archive) as tar:
        assert {(entry.uid, entry.gid, entry.uname, entry.mtime) for entry in tar} == {(0, 0, "", 0)}
    assert archive.read_bytes()[4:8] == bytes(4)  # RFC 1952: MTIME


def test_another_one_of_the_same_is_the_same_bytes(archive: Path, tmp_path: Path) -> None:
    assert _build(tmp_path / "again").read_bytes() == archive.read_bytes()


def test_another_preset_is_another_version(archive: Path, tmp_path: Path) -> None:
    assert _version(_build(tmp_path / "other", "opticom-stdout")) != _version(archive)
    assert _version(archive).isalnum()


def test_an_interpreter_that_is_packed_otherwise_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_archive, "INTERPRETER", "python/install/bin/python3")
    with pytest.raises(bundling.NotBundled, match="install_only"):
        _build(tmp_path / "full")


def _version(archive: Path) -> str:
    with tarfile.open(archive) as tar:
        file = tar.extractfile("VERSION")
        assert file
        return file.read().decode()
