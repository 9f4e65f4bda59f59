"""The units are what their programs take, and leave a sweep no more rights than it needs."""

import argparse
import configparser
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from detector.registry import load_plugin

UNITS = Path(__file__).parent.parent.parent / "hooks" / "units"
SERVICE = UNITS / "systemd" / "leakfirst-sweep.service"
TIMER = UNITS / "systemd" / "leakfirst-sweep.timer"
CRON = UNITS / "cron" / "leakfirst-sweep"
KUBERNETES = UNITS / "kubernetes" / "leakfirst-sweep.yaml"


def ini(path: Path) -> configparser.RawConfigParser:
    read = configparser.RawConfigParser(strict=False, delimiters=("=",), comment_prefixes=("#",))
    read.optionxform = str  # type: ignore[assignment]
    read.read_string(path.read_text())
    return read


def documents() -> dict[str, dict]:
    return {found["kind"]: found for found in yaml.safe_load_all(KUBERNETES.read_text())}


def commands() -> list[list[str]]:
    pod = documents()["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    cron = re.search(r"leakfirst sweep .*", CRON.read_text())
    assert cron
    return [shlex.split(ini(SERVICE)["Service"]["ExecStart"]), shlex.split(cron[0]), pod["containers"][0]["args"]]


@pytest.mark.parametrize("words", commands(), ids=["systemd", "cron", "kubernetes"])
def test_the_command_is_one_that_we_have(words: list[str]) -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    load_plugin("detector.cli", words[1], what="command").add_arguments(parser)
    asked = parser.parse_args(words[2:])
    assert os.path.basename(words[0]) == "leakfirst" and asked.quiet
    for spec in asked.words:
        assert spec.startswith(("github:", "file:/etc/leakfirst/", "$LEAKFIRST_INVENTORY"))


# -- systemd -------------------------------------------------------------------


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not there")
    program = shutil.which("true")
    assert program
    (tmp_path / SERVICE.name).write_text(SERVICE.read_text().replace("/usr/local/bin/leakfirst", program))
    shutil.copy(TIMER, tmp_path)
    paths = [tmp_path / SERVICE.name, tmp_path / TIMER.name]
    done = subprocess.run(["systemd-analyze", "verify", *paths], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_service_may_do_little() -> None:
    service = ini(SERVICE)["Service"]
    for wanted in (
        "NoNewPrivileges",
        "PrivateTmp",
        "DynamicUser",
        "ProtectHome",
        "ProtectKernelTunables",
        "RestrictSUIDSGID",
    ):
        assert service[wanted] == "yes"
    assert (service["ProtectSystem"], service["CapabilityBoundingSet"], service["UMask"]) == ("strict", "", "0077")
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not there")
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=15", SERVICE], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-200:]


def test_a_night_that_was_missed_is_made_up_for() -> None:
    timer = ini(TIMER)
    assert timer["Timer"]["Persistent"] == "yes" and timer["Install"]["WantedBy"] == "timers.target"
    assert SERVICE.stem == TIMER.stem


# -- cron ----------------------------------------------------------------------


def test_cron_can_read_its_line() -> None:
    text = CRON.read_text()
    assert text.endswith("\n") and "%" not in text  # cron ends a command at the first per cent sign
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    settings = [line for line in lines if re.fullmatch(r"[A-Z_]+=\S+", line)]
    (line,) = [line for line in lines if line not in settings]
    minute, hour, *rest = line.split()
    assert int(minute) in range(60) and int(hour) in range(24) and rest[:3] == ["*", "*", "*"]
    assert rest[3] == "leakfirst" and "flock -n" in line


# -- kubernetes ----------------------------------------------------------------


def test_the_manifest_fits_together() -> None:
    found = documents()
    assert set(found) == {"ConfigMap", "PersistentVolumeClaim", "CronJob"}
    assert {one["metadata"]["namespace"] for one in found.values()} == {"leakfirst"}
    spec = found["CronJob"]["spec"]
    assert (found["CronJob"]["apiVersion"], spec["concurrencyPolicy"]) == ("batch/v1", "Forbid")
    pod = spec["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)
    assert volumes["data"]["persistentVolumeClaim"]["claimName"] == found["PersistentVolumeClaim"]["metadata"]["name"]
    assert volumes["config"]["configMap"]["name"] == found["ConfigMap"]["metadata"]["name"]
    (rule,) = spec["jobTemplate"]["spec"]["podFailurePolicy"]["rules"]
    assert rule["onExitCodes"]["containerName"] == container["name"]


def test_the_pod_may_do_little_and_holds_no_secret() -> None:
    pod = documents()["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False and pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    allowed = container["securityContext"]
    assert not allowed["allowPrivilegeEscalation"] and allowed["readOnlyRootFilesystem"]
    assert allowed["capabilities"] == {"drop": ["ALL"]}
    for variable in container["env"]:
        if "KEY" in variable["name"] or "TOKEN" in variable["name"]:
            assert "value" not in variable and variable["valueFrom"]["secretKeyRef"]["name"]


def test_kubernetes_takes_the_manifest() -> None:
    validate = pytest.importorskip("kubernetes_validate")
    for found in documents().values():
        validate.validate(found, validate.latest_version(), strict=True)
