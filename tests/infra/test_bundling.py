"""Bundles: the same bytes every time, for the machine that they are meant for, and nothing that is there already."""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import bundling
from infra.bundling import FUNCTIONS, Bundle, NotBundled
from infra.functions import RUNTIME
from tests.infra.conftest import with_wheels

IN_LAMBDA = ("boto3", "botocore", "s3transfer")
MOST_MB = 250  # Lambda quotas: deployment package, unzipped


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("bundle") / "functions"
    bundling.build(FUNCTIONS, target)
    return target


def test_it_is_our_code_and_what_it_depends_on_without_what_lambda_has(functions: Path) -> None:
    top = {path.name for path in functions.iterdir()}
    assert {"api", "shared", "pydantic", "aws_lambda_powertools", "structlog"} <= top
    assert not top & {*IN_LAMBDA, "worker", "sandbox", "infra", "tests"}
    assert not list(functions.rglob("*.pyc"))
    assert bundling.size(functions) < MOST_MB * 1e6


def test_whatever_our_code_imports_is_in_it_or_there_already(functions: Path) -> None:
    had = {*sys.stdlib_module_names, *IN_LAMBDA, *(path.stem for path in functions.iterdir())}
    asked = {
        name for package in FUNCTIONS.packages for file in (functions / package).glob("*.py") for name in _tops(file)
    }
    assert "pydantic" in asked
    assert asked - had == set()


def _tops(file: Path) -> Iterator[str]:
    """The packages that a module imports when it runs, those that only type checkers read left out."""
    left: list[ast.AST] = [ast.parse(file.read_text())]
    while left:
        node = left.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            left += node.orelse
            continue
        left += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module).partition(".")[0]


def test_what_is_compiled_is_so_for_arm_and_the_python_of_lambda(functions: Path) -> None:
    tag = RUNTIME.name.removeprefix("python").replace(".", "")
    compiled = {path.name.partition(".")[2] for path in functions.rglob("*.so")}
    assert compiled == {f"cpython-{tag}-aarch64-linux-gnu.so"}


def test_another_build_is_the_same_bytes_whatever_the_umask(functions: Path, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        bundling.build(FUNCTIONS, tmp_path / "again")
    finally:
        os.umask(before)
    assert _content(tmp_path / "again") == _content(functions)


def test_nothing_in_it_names_the_place_where_it_was_built(functions: Path) -> None:
    places = re.compile(re.escape(str(functions)).encode() + b"|" + re.escape(str(bundling.ROOT)).encode())
    assert not [path for path in functions.rglob("*") if path.is_file() and places.search(path.read_bytes())]


def test_what_goes_to_hosts_runs_with_a_glibc_of_2_28_and_without_visqol(tmp_path: Path) -> None:
    """CentOS 8 has glibc 2.28. Tags: PEP 600, and those that it calls by their old names."""
    with_wheels(bundling.host("3.12", visqol=False), tmp_path / "host", "--offline")
    tags = {
        tag
        for wheel in (tmp_path / "host").glob("*.dist-info/WHEEL")
        for tag in re.findall(r"^Tag: \S+-(\S+)$", wheel.read_text(), re.MULTILINE)
    }
    assert "any" in tags
    assert {tag for tag in tags if not _runs_on_centos_8(tag)} == set()
    there = {path.name for path in (tmp_path / "host").iterdir()}
    assert {"boto3", "numpy", "scipy", "soundfile.py", "soxr"} <= there
    assert not {"visqol", "numba", "ai_edge_litert"} & there


def _runs_on_centos_8(tag: str) -> bool:
    if tag in ("any", "manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64"):
        return True
    found = re.fullmatch(r"manylinux_2_(\d+)_x86_64", tag)
    return found is not None and int(found[1]) <= 28


def test_wheels_that_are_not_there_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundling, "CACHE", tmp_path / "empty")
    with pytest.raises(NotBundled, match="`make setup` downloads them"):
        bundling.build(FUNCTIONS, tmp_path / "bundle")


def test_a_wheel_that_is_not_the_locked_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = (bundling.ROOT / "requirements" / "functions.txt").read_text()
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "other.txt").write_text(re.sub(r"sha256:\w{8}", "sha256:00000000", lock))
    monkeypatch.setattr(bundling, "ROOT", tmp_path)
    with pytest.raises(NotBundled):
        bundling.build(Bundle((), "other", FUNCTIONS.platform, FUNCTIONS.python), tmp_path / "bundle")


def _content(directory: Path) -> dict[str, tuple[int, bytes]]:
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): (path.stat().st_mode, path.read_bytes()) for path in files}
