"""The licensed machines: never replaced, never reached from outside, and kept whatever becomes of the stack."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aws_cdk import App, Stack

from infra import bundling
from infra.host_role import AGENT
from infra.named_data import NamedData
from infra.settings.hosts import TOLD, HostSettings
from infra.settings.pools import PoolSettings
from infra.worker_environment import worker_environment
from tests.infra.resources import Properties, all_of, only, text
from worker import environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_cdk.assertions import Template

    from infra.configuration import Configuration
    from tests.infra.conftest import Templates

INSTANCE, INTERFACE, GROUP, ASSOCIATION, ENDPOINT = (
    "AWS::EC2::Instance",
    "AWS::EC2::NetworkInterface",
    "AWS::EC2::SecurityGroup",
    "AWS::SSM::Association",
    "AWS::EC2::VPCEndpoint",
)
RECORD = Path(__file__).with_name("made_host.json")


@pytest.fixture
def host(whole: Templates) -> Template:
    return whole["Host"]


def test_what_would_replace_the_machine_is_as_it_was_recorded(host: Template) -> None:
    """A change of any of these is a change of machine, or of its MAC address: nobody makes it without meaning to.

    Whoever means to: write what this shows into the record, and say so in the changelog.
    """
    made = {name: resource for type_ in (INSTANCE, INTERFACE) for name, resource in host.find_resources(type_).items()}
    for resource in made.values():
        del resource["Properties"]["Tags"]  # these may change
    assert made == json.loads(RECORD.read_text())


def test_machine_interface_and_group_outlive_their_stack(host: Template) -> None:
    ours = [name for name in host.find_resources(GROUP) if name.startswith("made")]
    for type_ in (INSTANCE, INTERFACE, GROUP):
        for name, resource in host.find_resources(type_).items():
            if type_ != GROUP or name in ours:
                assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_nothing_calls_in(host: Template) -> None:
    groups = all_of(host, GROUP)
    for instance in all_of(host, INSTANCE).values():
        [interface] = instance["NetworkInterfaces"]
        [group] = all_of(host, INTERFACE)[interface["NetworkInterfaceId"]["Fn::GetAtt"][0]]["GroupSet"]
        assert not groups[group["Fn::GetAtt"][0]].get("SecurityGroupIngress")
    assert not host.find_resources("AWS::EC2::SecurityGroupIngress")
    assert not {"SecurityGroups", "SecurityGroupIds", "LaunchTemplate", "UserData"} & set(only(host, INSTANCE))


def test_the_machine_is_protected_and_answers_for_its_role_by_token_only(host: Template) -> None:
    instance = only(host, INSTANCE)
    assert instance["DisableApiTermination"] is True
    assert instance["MetadataOptions"]["HttpTokens"] == "required"


def test_a_made_machine_has_the_name_that_preflight_finds_it_by(host: Template, everything: Configuration) -> None:
    assert {"Key": "Name", "Value": everything.name("made")} in only(host, INSTANCE)["Tags"]


def test_where_every_machine_is_adopted_none_is_made(templates: Templates, configuration: Configuration) -> None:
    assert [host.instance_id is not None for _, host in configuration.hosts] == [True]
    for type_ in (INSTANCE, INTERFACE, GROUP, ENDPOINT):
        assert not templates["Host"].find_resources(type_)


def test_each_machine_gets_the_worker_with_settings_that_it_understands(
    host: Template, everything: Configuration, tmp_path: Path
) -> None:
    files = [_environment(association) for association in all_of(host, ASSOCIATION).values()]
    engines = {file["MOSAIC_HOST"]: file["MOSAIC_ENGINE"] for file in files}
    here = {f"MOSAIC_{name}_DIRECTORY": str(tmp_path / name) for name in ("WORK", "STATE")} | {
        "MOSAIC_ENGINE": "visqol"
    }
    told = {file["MOSAIC_HOST"]: environment.read({**file, **here}) for file in files}
    assert sorted(told) == sorted(one.name for _, one in everything.hosts)
    for pool, one in everything.hosts:
        worker = told[one.name]
        assert (worker.pool, worker.seats, worker.table) == (pool.name, one.seats, everything.table)
        assert worker.own_pool == pool.pool
        assert engines[one.name] == (
            "visqol" if pool.engine == "visqol" else f"polqa:/opt/mosaic/current/presets/{pool.name}.toml"
        )
        assert (worker.lives, worker.metrics_namespace) == (everything.lives, everything.metrics_namespace)
    assert told["adopted"].cache_bytes == 4294967296
    [group] = host.find_resources("AWS::Logs::LogGroup", {"Properties": {"LogGroupName": told["made"].log_group}})
    assert group


def test_an_apostrophe_in_an_engines_version_is_read_as_one_by_the_host(configuration: Configuration) -> None:
    [(_, machine)] = configuration.hosts
    odd = PoolSettings(name="odd", engine="visqol", version_family="it's 3")
    [pool] = json.loads(_told(configuration, odd, machine)["MOSAIC_POOLS"])
    assert pool["version_family"] == "it's 3"


def test_a_host_may_be_told_more_and_nothing_twice(configuration: Configuration) -> None:
    told = _told(configuration, *configuration.hosts[0])
    assert {name.removeprefix("MOSAIC_") for name in told if name.startswith("MOSAIC_")} == TOLD


def test_the_agent_fetches_the_archive_and_runs_the_installer_that_is_in_it(host: Template) -> None:
    """Systems Manager User Guide, "Command document plugin reference"; install.sh has tests of its own."""
    document = only(host, "AWS::SSM::Document")
    fetched, installed = document["Content"]["mainSteps"]
    assert (fetched["action"], installed["action"]) == ("aws:downloadContent", "aws:runShellScript")
    assert json.loads(fetched["inputs"]["sourceInfo"]) == {"path": "{{ archive }}"}
    told = document["Content"]["parameters"]
    for association in all_of(host, ASSOCIATION).values():
        assert association["Parameters"].keys() == told.keys() == {"archive", "settings"}
        [url] = map(text, association["Parameters"]["archive"])
        assert re.fullmatch(r"https://s3\.<AWS::Region>\.<AWS::URLSuffix>/cdk-[^/]*/[0-9a-f]{64}\.gz", url)
    assert installed["inputs"]["runCommand"][-1] == "sh install.sh worker.tar.gz worker.env"
    assert document["UpdateMethod"] == "NewVersion"


def test_an_adopted_machine_is_known_by_its_id_and_a_made_one_by_what_was_made(host: Template) -> None:
    [made] = host.find_resources(INSTANCE)
    targets = [text(association["Targets"][0]["Values"][0]) for association in all_of(host, ASSOCIATION).values()]
    assert sorted(targets) == sorted(["i-0123456789abcdef0", "mi-0123456789abcdef0", f"<{made}>"])


def test_a_change_to_the_workers_code_changes_what_is_delivered_and_nothing_of_the_machine(
    whole: Templates,
    built: Callable[[Configuration], Templates],
    everything: Configuration,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bundled = bundling.build

    def build(bundle: bundling.Bundle, target: Path) -> None:
        bundled(bundle, target)
        if "worker" in bundle.packages:
            with (target / "worker/worker.py").open("a") as code:
                code.write("# a change\n")

    monkeypatch.setattr(bundling, "build", build)
    changed = built(everything)
    assert [stack for stack in whole if changed[stack].to_json() != whole[stack].to_json()] == ["Host"]
    before, after = _resources(whole["Host"]), _resources(changed["Host"])
    differing = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert {before[name]["Type"] for name in differing} == {ASSOCIATION, "AWS::IAM::Policy"}  # it names the archive
    assert set(all_of(whole["Host"], ASSOCIATION)) <= differing


def test_a_host_may_be_in_ec2_or_on_premises_of_this_account(host: Template) -> None:
    for role in all_of(host, "AWS::IAM::Role").values():
        ec2, ssm = role["AssumeRolePolicyDocument"]["Statement"]
        assert ec2["Principal"] == {"Service": "ec2.amazonaws.com"}
        assert ssm["Principal"] == {"Service": "ssm.amazonaws.com"}
        assert ssm["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
        assert "ManagedPolicyArns" not in role


def test_the_agent_may_read_no_parameter() -> None:
    assert not [action for action in AGENT if "Parameter" in action]


def test_endpoints_are_reached_by_hosts_only(host: Template) -> None:
    services = {text(endpoint["ServiceName"]).rpartition(".")[2] for endpoint in all_of(host, ENDPOINT).values()}
    assert services == {"s3", "dynamodb", "sqs", "logs", "ssm", "ssmmessages", "ec2messages"}
    [group] = [one for name, one in all_of(host, GROUP).items() if name.startswith("Endpoints")]
    sources = [text(rule["SourceSecurityGroupId"]) for rule in group["SecurityGroupIngress"]]
    assert sources[0] == "sg-0123456789abcdef0"
    assert len(sources) == 2
    assert all("CidrIp" not in rule for rule in group["SecurityGroupIngress"])


def _environment(association: Properties) -> dict[str, str]:
    """What the file of settings will hold, read as a shell does."""
    [encoded] = association["Parameters"]["settings"]
    return _read(text(encoded["Fn::Base64"]))


def _told(configuration: Configuration, pool: PoolSettings, machine: HostSettings) -> dict[str, str]:
    stack = Stack(App(), "Host")
    return _read(text(stack.resolve(worker_environment(configuration, pool, machine, NamedData(stack, configuration)))))


def _read(file: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in shlex.split(file))


def _resources(template: Template) -> dict[str, Properties]:
    found: dict[str, Properties] = template.to_json()["Resources"]
    return found
