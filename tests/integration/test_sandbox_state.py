"""What a sandbox keeps from run to run."""

from __future__ import annotations

import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import ports
from sandbox.keys import KeyRing
from sandbox.ports import PortTaken
from sandbox.state import BadState, Ports, State


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = State(tmp_path / "state")
    with state.hold():
        yield state


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_two_cannot_hold_one_state(state: State) -> None:
    with pytest.raises(BadState, match="--state"), State(state.directory).hold():
        pass


def test_a_state_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadState, match="cannot be written"), State(tmp_path / "file").hold():
        pass


def test_a_state_that_was_let_go_can_be_held_again(tmp_path: Path) -> None:
    for _ in range(2):
        with State(tmp_path).hold():
            pass


def test_only_its_owner_can_look_into_it(state: State) -> None:
    state.api_key()
    assert stat.S_IMODE(state.directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((state.directory / "api-key").stat().st_mode) == 0o600


def test_the_api_key_stays_and_the_gateway_knows_it(state: State) -> None:
    key = state.api_key()
    assert State(state.directory).api_key() == key
    assert KeyRing(state.keys).id_of(key.value) == key.id


def test_a_key_that_the_gateway_has_forgotten_is_made_anew(state: State) -> None:
    key = state.api_key()
    state.keys.unlink()
    again = state.api_key()
    assert again != key
    assert KeyRing(state.keys).id_of(again.value) == again.id


def test_ports_stay_while_they_are_free(state: State) -> None:
    first = state.choose_ports(ports.any_free(), ports.any_free())
    assert state.choose_ports() == first


def test_a_port_that_was_taken_meanwhile_gives_way(state: State, taken: int) -> None:
    (state.directory / "ports.json").write_text(Ports(api=taken, cloud=taken).model_dump_json())
    chosen = state.choose_ports()
    assert taken not in (chosen.api, chosen.cloud)
    assert chosen.api != chosen.cloud
    assert state.choose_ports() == chosen


def test_the_cloud_gives_way_to_the_port_that_is_given_to_the_api(state: State) -> None:
    last = state.choose_ports(ports.any_free(), ports.any_free())
    chosen = state.choose_ports(api=last.cloud)
    assert chosen.api == last.cloud != chosen.cloud


def test_a_broken_file_of_ports_is_no_obstacle(state: State) -> None:
    (state.directory / "ports.json").write_text("{")
    state.choose_ports()


def test_a_given_port_that_is_taken_is_refused(state: State, taken: int) -> None:
    with pytest.raises(PortTaken, match=str(taken)):
        state.choose_ports(api=taken)


def test_the_api_gives_way_to_the_port_that_is_given_to_the_cloud(state: State) -> None:
    last = state.choose_ports(ports.any_free(), ports.any_free())
    chosen = state.choose_ports(cloud=last.api)
    assert chosen.cloud == last.api != chosen.api


def test_one_port_cannot_be_given_twice(state: State) -> None:
    port = ports.any_free()
    with pytest.raises(PortTaken, match=f"cannot both have port {port}"):
        state.choose_ports(api=port, cloud=port)


def test_logs_of_the_run_before_are_put_aside(tmp_path: Path) -> None:
    state = State(tmp_path)
    with state.hold():
        (state.logs / "api.log").write_text("first run")
    with state.hold():
        assert not (state.logs / "api.log").exists()
        assert (state.logs / "api.log.1").read_text() == "first run"


def test_forgetting_leaves_no_job_no_pause_and_no_key(state: State) -> None:
    key = state.api_key()
    for directory in (state.cloud, state.work, state.worker):
        directory.mkdir(exist_ok=True)
        (directory / "file").touch()
    state.forget()
    assert not list(state.directory.rglob("file"))
    assert state.api_key() != key
