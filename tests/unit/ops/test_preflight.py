"""`preflight`: what is found of machines, on moto's EC2; Systems Manager is a stub, for moto has no agents."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.stub import ANY, Stubber
from typer.testing import CliRunner

from infra.configuration import Configuration
from infra.ops import __main__ as command
from infra.ops import preflight, preflight_agent, preflight_instance, preflight_machine
from infra.ops.place import Place
from infra.settings.hosts import HostSettings
from infra.settings.pools import PoolSettings
from worker import clock

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_ssm import SSMClient

    from infra.ops.findings import Finding

REGION = "eu-central-1"
PROFILE = "mosaic-test-host-polqa-3"
ADDRESSES = tuple(f"https://{service}.{REGION}.amazonaws.com" for service in preflight_machine.CALLED)
WELL = {
    "machine": "x86_64",
    "systemd": "239",
    "glibc": "2.28",
    "tar": "/usr/bin/tar",
    "flock": "/usr/bin/flock",
    "curl": "/usr/bin/curl",
    "free /opt": str(8 << 20),
    "free /var/cache": str(8 << 20),
    **{f"clock {address}": "1795348800" for address in ADDRESSES},
    **{f"date {address}": "Sun, 22 Nov 2026 12:00:00 GMT" for address in ADDRESSES},
}


def problems(findings: Iterator[Finding]) -> dict[str, str]:
    """What is to be done, by what it is about."""
    return {finding.what: finding.to_do for finding in findings if finding.to_do}


class Machine:
    """An instance on moto."""

    def __init__(self, ec2: EC2Client) -> None:
        self._ec2 = ec2
        [instance] = ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)["Instances"]
        self.id = instance["InstanceId"]
        [interface] = instance["NetworkInterfaces"]
        vpc = interface["VpcId"]
        self.group = ec2.create_security_group(GroupName=self.id, Description="a host's", VpcId=vpc)["GroupId"]
        ec2.modify_network_interface_attribute(NetworkInterfaceId=interface["NetworkInterfaceId"], Groups=[self.group])

    def attach(self, profile: str) -> None:
        boto3.client("iam").create_instance_profile(InstanceProfileName=profile)
        self._ec2.associate_iam_instance_profile(IamInstanceProfile={"Name": profile}, InstanceId=self.id)

    def need_tokens(self) -> None:
        self._ec2.modify_instance_metadata_options(InstanceId=self.id, HttpTokens="required", HttpEndpoint="enabled")

    def let_in(self, port: int) -> None:
        self._ec2.authorize_security_group_ingress(
            GroupId=self.group, IpProtocol="tcp", FromPort=port, ToPort=port, CidrIp="0.0.0.0/0"
        )


@pytest.fixture
def ec2(deployed: Configuration) -> EC2Client:
    return boto3.client("ec2", region_name=REGION)


@pytest.fixture
def machine(ec2: EC2Client) -> Machine:
    return Machine(ec2)


@pytest.fixture
def ssm() -> SSMClient:
    return boto3.client("ssm", region_name=REGION)


@pytest.fixture
def answers(ssm: SSMClient) -> Iterator[Stubber]:
    with Stubber(ssm) as stub:
        yield stub
        stub.assert_no_pending_responses()


def agent(answers: Stubber, status: str = "Online", version: str = "3.3.987.0") -> None:
    told = {"PingStatus": status, "AgentVersion": version, "IsLatestVersion": True}
    answers.add_response("describe_instance_information", {"InstanceInformationList": [told]})


def ran(answers: Stubber, said: str, status: str = "Success", error: str = "") -> None:
    answers.add_response("send_command", {"Command": {"CommandId": "0" * 36}})
    ended = {"Status": status, "StandardOutputContent": said, "StandardErrorContent": error, "StatusDetails": status}
    answers.add_response("get_command_invocation", ended)


def told(facts: dict[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in facts.items())


def test_a_machine_as_it_should_be_has_no_problems(ec2: EC2Client, machine: Machine) -> None:
    machine.attach(PROFILE)
    machine.need_tokens()
    found = [*preflight_instance.look(ec2, machine.id, PROFILE)]
    assert problems(iter(found)) == {}
    assert {finding.what for finding in found} == {"instance", "profile", "metadata", "inbound"}


def test_all_that_is_wrong_with_an_instance_is_told_at_once(ec2: EC2Client, machine: Machine) -> None:
    machine.let_in(22)
    ec2.stop_instances(InstanceIds=[machine.id])
    found = problems(preflight_instance.look(ec2, machine.id, PROFILE))
    assert found.keys() == {"instance", "profile", "metadata", "inbound"}
    assert f"start-instances --instance-ids {machine.id}" in found["instance"]
    assert "--http-tokens required" in found["metadata"]


def test_the_command_that_attaches_the_profile_replaces_one_that_is_there(ec2: EC2Client, machine: Machine) -> None:
    none = problems(preflight_instance.look(ec2, machine.id, "wanted"))["profile"]
    assert f"associate-iam-instance-profile --instance-id {machine.id} --iam-instance-profile Name=wanted" in none
    machine.attach("another")
    [attached] = ec2.describe_iam_instance_profile_associations(
        Filters=[{"Name": "instance-id", "Values": [machine.id]}]
    )["IamInstanceProfileAssociations"]
    other = problems(preflight_instance.look(ec2, machine.id, "wanted"))["profile"]
    assert f"replace-iam-instance-profile-association --association-id {attached['AssociationId']}" in other


def test_a_rule_that_lets_somebody_in_is_told_with_what_takes_it_away(ec2: EC2Client, machine: Machine) -> None:
    machine.let_in(22)
    [inbound] = [one for one in preflight_instance.look(ec2, machine.id, PROFILE) if one.what == "inbound"]
    assert inbound.is_ == f"{machine.group} lets in tcp 22 from 0.0.0.0/0"
    rules = json.loads(inbound.to_do.partition("--ip-permissions '")[2].rstrip("'"))
    ec2.revoke_security_group_ingress(GroupId=machine.group, IpPermissions=rules)
    assert "inbound" not in problems(preflight_instance.look(ec2, machine.id, PROFILE))


def test_a_machine_of_another_account_or_region_is_told_as_not_there(ec2: EC2Client) -> None:
    assert problems(preflight_instance.look(ec2, "i-0123456789abcdef0", PROFILE)).keys() == {"instance"}


def test_a_machine_that_the_deployment_makes_is_found_by_its_name_once_it_is_made(
    ec2: EC2Client, machine: Machine
) -> None:
    assert preflight_instance.made(ec2, machine.id) is None
    ec2.create_tags(Resources=[machine.id], Tags=[{"Key": "Name", "Value": machine.id}])
    assert preflight_instance.made(ec2, machine.id) == machine.id


@pytest.mark.parametrize(
    ("status", "version", "wrong"),
    [
        ("Online", "3.3.987.0", set()),
        ("ConnectionLost", "3.3.987.0", {"agent"}),
        ("Inactive", "2.2.30.0", {"agent", "agent version"}),
        ("Online", "2.2.45.0", set()),
    ],
)
def test_the_agent_is_to_be_online_and_able_to_fetch(
    ssm: SSMClient, answers: Stubber, status: str, version: str, wrong: set[str]
) -> None:
    agent(answers, status, version)
    found = [*preflight_agent.look(ssm, "i-1")]
    assert problems(iter(found)).keys() == wrong
    assert preflight_agent.is_online(found) == ("agent" not in wrong)


def test_a_machine_without_an_agent_is_told(ssm: SSMClient, answers: Stubber) -> None:
    answers.add_response("describe_instance_information", {"InstanceInformationList": []})
    assert "Install and start" in problems(preflight_agent.look(ssm, "i-1"))["agent"]


def test_a_machine_that_says_all_is_well_is_believed(ssm: SSMClient, answers: Stubber) -> None:
    ran(answers, told(WELL))
    assert problems(preflight_machine.look(ssm, "i-1", ADDRESSES)) == {}


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("machine", "aarch64", "processor"),
        ("systemd", "238", "systemd"),
        ("systemd", "", "systemd"),
        ("glibc", "2.17", "glibc"),
        ("tar", "", "tar"),
        ("flock", "", "flock"),
        ("free /opt", "1048576", "free under /opt"),
        ("free /var/cache", "", "free under /var/cache"),
    ],
)
def test_each_thing_that_a_machine_lacks_is_told(name: str, value: str, what: str) -> None:
    assert problems(preflight_machine.judge({**WELL, name: value}, ADDRESSES)).keys() == {what}


def test_an_address_that_does_not_answer_is_told_with_why() -> None:
    address = f"https://s3.{REGION}.amazonaws.com"
    facts = {name: value for name, value in WELL.items() if not name.endswith(address)}
    found = [*preflight_machine.judge({**facts, f"silence {address}": "curl: (28) timed out"}, ADDRESSES)]
    [silent] = [finding for finding in found if finding.to_do]
    assert (silent.what, silent.is_) == ("s3.eu-central-1.amazonaws.com", "curl: (28) timed out")


@pytest.mark.parametrize(("seconds", "well"), [(0, True), (30, True), (31, False), (-31, False), (-3600, False)])
def test_a_clock_is_as_wrong_as_the_worker_would_find_it(seconds: int, well: bool) -> None:
    facts = WELL | {f"clock {address}": str(1795348800 + seconds) for address in ADDRESSES}
    assert ("clock" not in problems(preflight_machine.judge(facts, ADDRESSES))) == well
    assert preflight_machine.CLOCK_SECONDS == clock.OFF_SECONDS


def test_a_command_that_failed_is_told_with_what_it_said(ssm: SSMClient, answers: Stubber) -> None:
    ran(answers, "", "Failed", "sh: not today")
    [finding] = preflight_machine.look(ssm, "i-1", ADDRESSES)
    assert finding.to_do
    assert "sh: not today" in finding.is_


def test_a_command_that_is_not_known_yet_or_under_way_is_waited_for(
    ssm: SSMClient, answers: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight_machine, "POLL_SECONDS", 0)
    commands = {"commands": ANY, "executionTimeout": ["90"]}
    answers.add_response(
        "send_command",
        {"Command": {"CommandId": "0" * 36}},
        {
            **{"DocumentName": "AWS-RunShellScript", "InstanceIds": ["i-1"], "Comment": ANY, "TimeoutSeconds": 30},
            "Parameters": commands,
        },
    )
    answers.add_client_error("get_command_invocation", "InvocationDoesNotExist")
    answers.add_response("get_command_invocation", {"Status": "InProgress"})
    answers.add_response("get_command_invocation", {"Status": "Success", "StandardOutputContent": told(WELL)})
    assert problems(preflight_machine.look(ssm, "i-1", ADDRESSES)) == {}


class Late(BaseHTTPRequestHandler):
    """An endpoint of AWS: it refuses what it does not know, and says what time it is."""

    def do_HEAD(self) -> None:
        self.send_error(404)

    def date_time_string(self, timestamp: float | None = None) -> str:
        return "Sun, 22 Nov 2026 12:00:00 GMT"

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def endpoint() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Late) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_script_tells_all_that_is_asked_of_a_machine(endpoint: str) -> None:
    """On this one: what it says can be judged, and the only thing that is wrong is what the endpoint says."""
    nobody = "http://127.0.0.1:9"  # the port of "discard", which nobody uses any more
    said = subprocess.run(
        ["/bin/sh", preflight_machine.SCRIPT, endpoint, nobody],
        env={"PATH": "/usr/bin:/bin", "no_proxy": "*"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert said.stderr == ""
    facts = preflight_machine.facts(said.stdout)
    assert facts.keys() >= WELL.keys() - {name for name in WELL if "https://" in name}
    assert facts[f"date {endpoint}"] == "Sun, 22 Nov 2026 12:00:00 GMT"
    found = problems(preflight_machine.judge(facts, [endpoint, nobody]))
    assert {"clock", nobody.removeprefix("http://")} <= found.keys()
    assert endpoint.removeprefix("http://") not in found


def test_a_host_is_not_asked_for_more_while_its_agent_is_not_online(
    place: Place, ssm: SSMClient, answers: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Place, "ssm", ssm)
    agent(answers, "ConnectionLost")
    on_premises = HostSettings(name="cellar", seats=1, instance_id="mi-0123456789abcdef0")
    found = preflight.look(place, on_premises, PROFILE)
    assert [finding.what for finding in found] == ["agent", "agent version", "machine"]


def test_the_command_ends_with_1_where_something_is_to_be_mended_and_says_it_all(
    deployed: Configuration,
    machine: Machine,
    ssm: SSMClient,
    answers: Stubber,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Place, "ssm", ssm)
    hosts = (
        HostSettings(name="adopted", seats=1, instance_id=machine.id),
        HostSettings(name="cellar", seats=1, instance_id="mi-0123456789abcdef0"),
    )
    pool = PoolSettings(name="polqa-3", engine="polqa", preset="opticom-table", hosts=hosts)
    told_of = deployed.model_copy(update={"pools": (pool,)})
    monkeypatch.setattr(command, "read", lambda _: told_of)
    agent(answers)
    ran(answers, told({**WELL, "glibc": "2.17"}))
    agent(answers)
    ran(answers, told(WELL))
    ended = CliRunner().invoke(command.app, ["preflight"])
    assert ended.exit_code == 1, ended.output
    for part in ("adopted, profile: ", "Name=mosaic-test-host-polqa-3", "adopted, metadata: ", "adopted, glibc: "):
        assert part in ended.output
    assert "cellar, " not in ended.output
