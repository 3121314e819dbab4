"""References kept for jobs to come: the right content, once each, within the bound, and nothing left behind."""

from __future__ import annotations

import hashlib
import shutil
import stat
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shared.job import AudioFile
from tests.clock import SettableClock
from tests.jobs_for_tests import new_job
from tests.unit.signals import noise, save
from worker import reference_cache
from worker.audio.measures import Measures, measure
from worker.reference_cache import UNUSED_SECONDS, Reference, ReferenceCache, declared

PATIENCE = 10  # seconds for what happens at once
NOT_SO_LONG = 0.3  # seconds in which what must not happen would have
BOUND = 1000
CONTENT = b"clean speech"


def of(content: bytes, tenant: str = "acme") -> Reference:
    return Reference(tenant, hashlib.sha256(content).hexdigest())


class Bucket:
    """Counts the downloads; each is as `JobFiles` does it, in pieces."""

    def __init__(self) -> None:
        self.downloads: list[Path] = []

    def download(self, content: bytes, target: Path) -> Callable[[], None]:
        def download() -> None:
            self.downloads.append(target)
            with target.open("wb") as file:
                file.write(content[: len(content) // 2])
                file.flush()
                file.write(content[len(content) // 2 :])

        return download


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
def cache(tmp_path: Path, clock: SettableClock) -> Iterator[ReferenceCache]:
    cache = ReferenceCache(tmp_path / "references", BOUND, clock)
    cache.start()
    yield cache
    cache.stop()


@pytest.fixture
def measures(tmp_path: Path) -> Measures:
    return measure(save(tmp_path / "measured.wav", noise(1, 16000), 16000))


def provided(
    cache: ReferenceCache, bucket: Bucket, target: Path, content: bytes = CONTENT, tenant: str = "acme"
) -> Path:
    cache.provide(of(content, tenant), target, bucket.download(content, target))
    return target


def test_a_second_job_of_one_reference_downloads_nothing(cache: ReferenceCache, bucket: Bucket, tmp_path: Path) -> None:
    first, second = provided(cache, bucket, tmp_path / "first"), provided(cache, bucket, tmp_path / "second")
    assert bucket.downloads == [first]
    assert second.read_bytes() == CONTENT
    assert (cache.hits, cache.misses, cache.bytes) == (1, 1, len(CONTENT))


def test_no_tenant_is_given_what_another_one_brought_in(cache: ReferenceCache, bucket: Bucket, tmp_path: Path) -> None:
    provided(cache, bucket, tmp_path / "acme")
    provided(cache, bucket, tmp_path / "other", tenant="other")
    assert (len(bucket.downloads), cache.hits) == (2, 0)


def test_a_job_whose_reference_has_no_declared_hash_has_none_to_be_kept() -> None:
    job = new_job()
    assert declared(job) is None
    hashed = job.model_copy(update={"reference": AudioFile(key=job.reference.key, sha256="ab" * 32)})
    assert declared(hashed) == (job.tenant, "ab" * 32)


def test_what_a_job_is_given_is_read_only_and_outlives_its_eviction(
    cache: ReferenceCache, bucket: Bucket, tmp_path: Path
) -> None:
    files = [provided(cache, bucket, tmp_path / name) for name in ("first", "second")]
    cache.evict()
    assert [file.read_bytes() for file in files] == [CONTENT, CONTENT]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o400}
    assert cache.bytes == 0


@pytest.mark.parametrize("harm", ["written to", "removed"])
def test_a_kept_file_that_was_harmed_is_never_given_out(
    harm: str, cache: ReferenceCache, bucket: Bucket, tmp_path: Path
) -> None:
    spoilt = provided(cache, bucket, tmp_path / "spoilt")
    if harm == "written to":
        spoilt.chmod(0o600)
        spoilt.write_bytes(CONTENT.swapcase())
    else:
        for kept in (tmp_path / "references").iterdir():
            kept.unlink()
    assert provided(cache, bucket, tmp_path / "next").read_bytes() == CONTENT
    assert len(bucket.downloads) == 2
    assert cache.bytes == len(CONTENT)


def test_a_download_that_fails_leaves_nothing_kept(cache: ReferenceCache, bucket: Bucket, tmp_path: Path) -> None:
    def cut_short() -> None:
        (tmp_path / "cut").write_bytes(CONTENT[:3])
        raise ConnectionError

    with pytest.raises(ConnectionError):
        cache.provide(of(CONTENT), tmp_path / "cut", cut_short)
    assert cache.bytes == 0
    assert provided(cache, bucket, tmp_path / "next").read_bytes() == CONTENT


@pytest.mark.parametrize("fails", [False, True])
def test_who_needs_what_is_on_its_way_waits_for_it_and_downloads_it_only_where_that_failed(
    fails: bool, cache: ReferenceCache, bucket: Bucket, tmp_path: Path
) -> None:
    begun, go_on, second_downloads = threading.Event(), threading.Event(), threading.Event()
    first, second = tmp_path / "first", tmp_path / "second"

    def download_first() -> None:
        begun.set()
        assert go_on.wait(PATIENCE)
        if fails:
            raise ConnectionError
        bucket.download(CONTENT, first)()

    def download_second() -> None:
        second_downloads.set()
        bucket.download(CONTENT, second)()

    with ThreadPoolExecutor(2) as threads:
        bringing = threads.submit(cache.provide, of(CONTENT), first, download_first)
        assert begun.wait(PATIENCE)
        waiting = threads.submit(cache.provide, of(CONTENT), second, download_second)
        assert not second_downloads.wait(NOT_SO_LONG)
        go_on.set()
        assert isinstance(bringing.exception(PATIENCE), ConnectionError) is fails
        waiting.result(PATIENCE)
    assert second_downloads.is_set() is fails
    assert second.read_bytes() == CONTENT


def test_another_reference_waits_for_nobody(cache: ReferenceCache, bucket: Bucket, tmp_path: Path) -> None:
    def download_meanwhile() -> None:
        provided(cache, bucket, tmp_path / "another", b"another")
        bucket.download(CONTENT, tmp_path / "first")()

    cache.provide(of(CONTENT), tmp_path / "first", download_meanwhile)
    assert len(bucket.downloads) == 2


def test_a_file_larger_than_the_bound_is_not_kept_and_evicts_nothing(
    cache: ReferenceCache, bucket: Bucket, tmp_path: Path
) -> None:
    provided(cache, bucket, tmp_path / "small")
    large = bytes(BOUND + 1)
    assert provided(cache, bucket, tmp_path / "large", large).read_bytes() == large
    provided(cache, bucket, tmp_path / "large again", large)
    provided(cache, bucket, tmp_path / "small again")
    assert (len(bucket.downloads), cache.bytes) == (3, len(CONTENT))


def test_of_many_small_files_the_longest_unused_is_dropped_too(
    cache: ReferenceCache, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference_cache, "MOST_FILES", 2)
    for content in (b"1", b"2", b"3"):
        provided(cache, bucket, tmp_path / content.decode(), content)
    assert cache.bytes == 2
    provided(cache, bucket, tmp_path / "3 again", b"3")
    assert len(bucket.downloads) == 3


def test_with_a_bound_of_0_every_job_downloads_and_none_waits(bucket: Bucket, tmp_path: Path) -> None:
    cache = ReferenceCache(tmp_path / "references", 0)

    def download_meanwhile() -> None:
        provided(cache, bucket, tmp_path / "meanwhile")
        bucket.download(CONTENT, tmp_path / "first")()

    cache.provide(of(CONTENT), tmp_path / "first", download_meanwhile)
    assert len(bucket.downloads) == 2
    assert not (tmp_path / "references").exists()


def test_measures_go_with_the_reference_that_they_are_of(
    cache: ReferenceCache, bucket: Bucket, measures: Measures, tmp_path: Path
) -> None:
    cache.note(of(CONTENT), measures)
    assert cache.measures(of(CONTENT)) is None, "nothing is kept yet"
    provided(cache, bucket, tmp_path / "first")
    cache.note(of(CONTENT), measures)
    assert cache.measures(of(CONTENT)) == measures
    assert cache.measures(of(CONTENT, "other")) is None
    cache.evict()
    assert cache.measures(of(CONTENT)) is None


def test_what_nobody_used_for_the_life_of_audio_is_gone(
    cache: ReferenceCache, bucket: Bucket, clock: SettableClock, tmp_path: Path
) -> None:
    provided(cache, bucket, tmp_path / "unused", b"unused")
    provided(cache, bucket, tmp_path / "used")
    clock.move(UNUSED_SECONDS - 1)
    provided(cache, bucket, tmp_path / "used again")
    clock.move(1)
    cache.evict(UNUSED_SECONDS)
    assert cache.bytes == len(CONTENT)
    assert len(list((tmp_path / "references").iterdir())) == 1


def test_nothing_is_there_before_the_start_nor_after_the_stop(bucket: Bucket, tmp_path: Path) -> None:
    directory = tmp_path / "references"
    directory.mkdir()
    (directory / "7.wav").write_bytes(b"of an earlier worker")
    cache = ReferenceCache(directory, BOUND)
    cache.start()
    try:
        assert not directory.exists()
        provided(cache, bucket, tmp_path / "first")
        assert directory.exists()
    finally:
        cache.stop()
    assert not directory.exists()


def test_jobs_go_on_where_nothing_can_be_kept(cache: ReferenceCache, bucket: Bucket, tmp_path: Path) -> None:
    (tmp_path / "references").write_text("a file, where the directory should be")
    assert provided(cache, bucket, tmp_path / "first").read_bytes() == CONTENT
    assert provided(cache, bucket, tmp_path / "second").read_bytes() == CONTENT
    assert cache.bytes == 0


CONTENTS = [bytes([number]) * size for number, size in enumerate((1, 200, 300, 400, 500, 600, BOUND, BOUND + 1))]
REFERENCES = [(content, tenant) for content in CONTENTS for tenant in ("acme", "other")]


class Keeping(RuleBasedStateMachine):
    """Jobs come and go; a plain list of what was used last says what must be there."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.cache = ReferenceCache(self.root / "references", BOUND)
        self.bucket = Bucket()
        self.expected: OrderedDict[Reference, int] = OrderedDict()
        self.jobs: dict[Path, bytes] = {}
        self.made = 0

    @rule(which=st.sampled_from(REFERENCES))
    def a_job_needs(self, which: tuple[bytes, str]) -> None:
        content, tenant = which
        reference = of(content, tenant)
        self.made += 1
        target = provided(self.cache, self.bucket, self.root / f"job-{self.made}", content, tenant)
        self.jobs[target] = content
        assert (target not in self.bucket.downloads) is (reference in self.expected)
        if len(content) <= BOUND:
            self.expected[reference] = len(content)
            self.expected.move_to_end(reference)
        while sum(self.expected.values()) > BOUND:
            self.expected.popitem(last=False)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def a_job_ends(self, data: st.DataObject) -> None:
        target = data.draw(st.sampled_from(sorted(self.jobs)))
        target.unlink()
        del self.jobs[target]

    @rule()
    def the_disk_is_low(self) -> None:
        self.cache.evict()
        self.expected.clear()

    @invariant()
    def every_job_has_what_it_asked_for(self) -> None:
        assert {target: target.read_bytes() for target in self.jobs} == self.jobs

    @invariant()
    def what_is_kept_is_within_the_bound_and_all_that_there_is(self) -> None:
        directory = self.root / "references"
        sizes = [file.stat().st_size for file in directory.iterdir()] if directory.exists() else []
        assert sorted(sizes) == sorted(self.expected.values())
        assert self.cache.bytes == sum(sizes) <= BOUND

    def teardown(self) -> None:
        shutil.rmtree(self.root)


TestKeeping = Keeping.TestCase
TestKeeping.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
