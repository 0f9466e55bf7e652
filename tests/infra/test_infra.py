"""What Azure is told agrees with the code: containers, queue, settings, versions, and no key anywhere."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pytest
import tree_sitter_bicep
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pathspec import GitIgnoreSpec
from tree_sitter import Language, Node, Parser

from blueprints.settings import DATABASE, PLATFORM_IS_ON, Settings
from blueprints.telemetry import line
from local.host import MOST_REQUEST_BYTES
from local.queue import MOST_DELIVERIES
from messaging.queue import MOST_BYTES
from storage.schema import INDEXING_POLICY, PARTITION_KEY, schema
from tests.app.test_function_app import EXPECTED, referred_settings, setting_names

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
FILES = sorted(INFRA.rglob("*.bicep"))
CHECKER = ROOT.parent / "shared" / "check_bicep.py"
PARSER = Parser(Language(tree_sitter_bicep.language()))


def read(name: str) -> str:
    return (INFRA / name).read_text()


def body_of(name: str, resource: str) -> str:
    """What a template says of one resource, without comments."""
    found = re.search(rf"^( *)resource {resource} '.*?^\1[\]}}]$", read(name), re.DOTALL | re.MULTILINE)
    assert found, f"{name} has no resource {resource}"
    return re.sub(r"(?m)^ *//.*\n| // .*$", "", found[0])


def nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from nodes(child)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_templates_parse(path: Path) -> None:
    tree = PARSER.parse(path.read_bytes())
    assert [node.start_point for node in nodes(tree.root_node) if node.is_error or node.is_missing] == []


@pytest.mark.skipif(not CHECKER.exists(), reason="shared/check_bicep.py is not beside this checkout")
def test_templates_agree_with_azures_published_types() -> None:
    done = subprocess.run([sys.executable, CHECKER, *FILES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("said", "code", "passes"),
    [
        ("", 0, True),
        ("main.bicep(3,5) : Warning BCP037: The property is not allowed", 0, False),
        ("main.bicep(3,5) : Error BCP018: Expected a character", 1, False),
        (None, 0, True),
    ],
    ids=["clean", "warning", "error", "no bicep"],
)
def test_whatever_the_compiler_says_of_the_templates_fails_the_lint(
    said: str | None, code: int, passes: bool, tmp_path: Path
) -> None:
    if said is not None:
        (tmp_path / "bicep").write_text(f"#!/bin/sh\necho '{said}'\nexit {code}\n")
        (tmp_path / "bicep").chmod(0o755)
    done = subprocess.run(
        [sys.executable, "dev.py", "lint-infra"],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) == passes, done.stderr
    assert (said or "") in done.stderr + done.stdout
    assert ("not compiled" in done.stdout) == (said is None)


def parameters_of_main() -> dict[str, dict[str, Any]]:
    """Each parameter of main.bicep: its decorators' text and its default."""
    found = re.findall(r"((?:@\w+\(.*\)\n)*)param (\w+) ([^=\n]+?)(?: = (.*))?$", read("main.bicep"), re.MULTILINE)
    return {
        name: {"decorators": decorators, "kind": kind, "default": default} for decorators, name, kind, default in found
    }


def test_every_parameter_is_described_and_numbers_are_bounded() -> None:
    parameters = parameters_of_main()
    assert len(parameters) >= 15
    for name, parameter in parameters.items():
        assert "@description(" in parameter["decorators"], name
        if parameter["kind"] == "int":
            assert "@minValue(" in parameter["decorators"] or "@allowed(" in parameter["decorators"], name
    assert [name for name, parameter in parameters.items() if not parameter["default"]] == ["environmentName"]


def test_azd_can_set_every_parameter() -> None:
    given = json.loads(read("main.parameters.json"))["parameters"]
    own = {
        "environmentName": "AZURE_ENV_NAME",
        "location": "AZURE_LOCATION",
        "developerPrincipalId": "AZURE_PRINCIPAL_ID",
    }
    expected = {
        name: own.get(name) or re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper() for name in parameters_of_main()
    }
    # What is not set in the environment is left out by azd, so the template's default holds; no default is said twice.
    assert given == {name: {"value": f"${{{variable}}}"} for name, variable in expected.items()}


def test_actions_run_on_the_node_that_runners_have() -> None:
    first_on_24 = {"actions/checkout": 5, "actions/setup-python": 6, "actions/setup-node": 5, "azure/login": 3}
    used = re.findall(r"uses: (\S+)@v(\d+)", (ROOT / ".github/workflows/main.yml").read_text())
    assert first_on_24.keys() <= {action for action, _ in used}
    for action, version in used:
        assert int(version) >= first_on_24.get(action, 1), action


def test_the_workflows_environment_is_the_one_whose_subject_the_docs_name() -> None:
    (environment,) = re.findall(
        r"^    environment: (\w+)$", (ROOT / ".github/workflows/main.yml").read_text(), re.MULTILINE
    )
    docs = (ROOT / "docs/azure.md").read_text()
    assert f"repo:OWNER/REPOSITORY:environment:{environment}`" in docs
    assert f"repo:OWNER@OWNER-ID/REPOSITORY@REPOSITORY-ID:environment:{environment}`" in docs


def test_lists_and_objects_say_what_they_hold() -> None:
    for path in FILES:
        assert re.findall(r"^param \w+ (?:array|object)\b", path.read_text(), re.MULTILINE) == [], path.name


def test_one_spelling_of_the_environment_and_the_region_is_as_good_as_another() -> None:
    suffix = re.search(r"var suffix = uniqueString\((.*?)\n\)", read("main.bicep"), re.DOTALL)
    assert suffix
    for name in ("environmentName", "location"):
        assert f"toLower(replace({name}, ' ', ''))" in suffix[1]
        assert suffix[1].count(name) == 1


def test_whoever_is_a_spoc_and_deploys_is_given_each_right_once() -> None:
    text = read("modules/servicebus.bicep")
    assert "for principalId in union(spocPrincipalIds, []):" in text
    assert "contains(spocPrincipalIds, developerPrincipalId) ? [dataReceiver] : [dataReceiver, dataSender]" in text
    assert "(empty(developerPrincipalId) ? [] : developerRoles)" in text


def test_throughput_is_in_whole_thousands() -> None:
    (samples,) = re.findall(r"maxThroughput: (.*cosmosMaxThroughput.*)", read("main.bicep"))
    (rollups,) = re.findall(r"'rollups', .*throughput: (.*) \}", read("modules/cosmos.bicep"))
    for asked, given, quarter in (
        (1000, 1000, 1000),
        (1001, 2000, 1000),
        (4001, 5000, 2000),
        (100_000, 100_000, 25_000),
    ):
        assert whole(samples, cosmosMaxThroughput=asked) == given
        assert whole(rollups, maxThroughput=given) == quarter


def whole(expression: str, **values: int) -> int:
    """The value of our own template's arithmetic. Bicep divides whole numbers."""
    return int(eval(expression.replace("/", "//"), {"__builtins__": {}}, values))  # noqa: S307


def test_throughput_is_the_containers_own_as_a_serverless_account_is_left_with_it() -> None:
    assert "autoscaleSettings" not in body_of("modules/cosmos.bicep", "database")
    tables = body_of("modules/cosmos.bicep", "tables")
    assert "mode == 'serverless' ? {} : { autoscaleSettings: { maxThroughput: container.throughput } }" in tables
    step = re.search(r"for container in (.*); do", (ROOT / "docs/runbook.md").read_text())
    assert step
    assert set(step[1].split()) == set(schema(1, 1))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("spocPrincipalIds", "removed by hand"),
        ("developerPrincipalId", "removed by hand"),
        ("queueName", "a second queue"),
        ("samplesRetentionDays", "removes what is older"),
        ("standingsRetentionDays", "removes what is older"),
        ("reportRetentionDays", "removes what is older"),
        ("cosmosMode", "in the portal"),
        ("budgetStart", "always the same"),
        ("authClientId", "whoever holds a key is an operator"),
    ],
)
def test_what_another_deployment_does_not_take_back_is_said_at_the_parameter(name: str, said: str) -> None:
    assert said in parameters_of_main()[name]["decorators"]


def test_containers_are_the_tables_of_the_schema() -> None:
    text = read("modules/cosmos.bicep")
    days = {"samplesRetentionDays": 17, "reportRetentionDays": 170, "standingsRetentionDays": 71}
    found = {
        name: eval(expression, {"__builtins__": {}}, days)  # noqa: S307  (our own template's arithmetic)
        for name, expression in re.findall(r"\{ name: '(\w+)', ttl: (.+), throughput: ", text)
    }
    expected = {
        table.name: -1 if table.time_to_live is None else table.time_to_live for table in schema(17, 170, 71).values()
    }
    assert found == expected
    assert f"paths: ['{PARTITION_KEY}']" in text
    # Of all fields the partition key alone, without which a range of ids costs more the more partitions there are.
    assert INDEXING_POLICY["includedPaths"] == [{"path": f"{PARTITION_KEY}/?"}]
    assert INDEXING_POLICY["excludedPaths"] == [{"path": "/*"}]
    for written in (
        "indexingMode: 'consistent'",
        f"includedPaths: [{{ path: '{PARTITION_KEY}/?' }}]",
        "excludedPaths: [{ path: '/*' }]",
    ):
        assert written in text
    assert f"var databaseName = '{DATABASE}'" in text


def test_whoever_reads_sees_what_others_wrote() -> None:
    account = body_of("modules/cosmos.bicep", "account")
    assert "consistencyPolicy: { defaultConsistencyLevel: 'Strong' }" in account
    assert account.count("locationName:") == 1  # in several regions each write would wait for all of them


def test_rights_on_the_store_are_given_one_after_the_other_when_all_else_is_there() -> None:
    text = read("modules/cosmos.bicep")
    assert "@batchSize(1)\nresource mayReadAndWrite " in text
    assert "\n    dependsOn: [tables]\n" in body_of("modules/cosmos.bicep", "mayReadAndWrite")


def test_a_budget_is_there_where_it_is_asked_for_and_keeps_its_first_month() -> None:
    assert parameters_of_main()["monthlyBudget"]["default"] == "0"
    assert "module budget 'modules/budget.bicep' = if (monthlyBudget > 0)" in read("main.bicep")
    budget = body_of("modules/budget.bicep", "budget")
    assert "timePeriod: { startDate: start }" in budget
    assert "utcNow" not in read("main.bicep")  # another start is refused, and the deployment with it
    assert budget.count("contactEmails: emails") == budget.count("threshold: ") == 2


def test_the_queue_is_alike_in_azure_in_the_emulator_and_in_the_local_folder() -> None:
    text = read("modules/servicebus.bicep")
    config = json.loads(read("emulators/Config.json"))
    (queue,) = config["UserConfig"]["Namespaces"][0]["Queues"]
    assert f"maxDeliveryCount: {MOST_DELIVERIES}" in text
    # Microsoft's emulator takes no more than 10 (NServiceBus.Transport.AzureServiceBus, pull requests 1331 and 1400).
    assert queue["Properties"]["MaxDeliveryCount"] == min(MOST_DELIVERIES, 10)
    assert f"failed {MOST_DELIVERIES} times" in read("modules/alerts.bicep")
    assert f"lockDuration: '{queue['Properties']['LockDuration']}'" in text
    for name in ("RequiresDuplicateDetection", "DeadLetteringOnMessageExpiration"):
        assert queue["Properties"][name] is True
        assert f"{name[0].lower()}{name[1:]}: true" in text
    assert parameters_of_main()["queueName"]["default"].strip("'") == queue["Name"]


def test_the_app_owns_its_queue_and_nothing_else_of_the_namespace() -> None:
    text = read("modules/servicebus.bicep")
    assert "var dataOwner = '090c5cfd-751d-490a-894a-3ce6f1109419'" in text
    assert len(re.findall(r"[^']dataOwner\b", text)) == 3  # the variable, the name and the role of one assignment
    app = body_of("modules/servicebus.bicep", "appMay")
    assert "scope: queue" in app
    assert "'Microsoft.Authorization/roleDefinitions', dataOwner)" in app


def test_the_apps_settings_are_those_that_the_code_reads() -> None:
    block = re.search(r"settings: union\(otherSettings, \{\n(.*?)\n    \}\)", read("main.bicep"), re.DOTALL)
    assert block
    given = set(re.findall(r"^ +(\w+):", block[1], re.MULTILINE))
    own = {name for name in given if not name.startswith("ServiceBusConnection__")}
    known = {name for name in setting_names() if not name.startswith(("ServiceBusConnection", "APPLICATIONINSIGHTS"))}
    assert own <= known | referred_settings()
    assert referred_settings() <= own
    # Not given: the other store, the key that Azure has none of, and one that is set where what it speaks of is: the
    # platform in front of the app. Whatever else is not given would be deleted by each deployment.
    assert known - own == {"SQLITE_PATH", "QUEUE_FOLDER", "COSMOS_KEY", "PLATFORM_AUTHENTICATION"}
    connections = {str(trigger["connection"]) for trigger in EXPECTED.values() if "connection" in trigger}
    assert {name.partition("__")[0] for name in given - own} == connections


def test_other_settings_change_none_of_those_that_the_template_sets() -> None:
    order = re.search(
        r"properties: union\((\w+), (\w+), federated \? .*?, \{.*?PLATFORM_AUTHENTICATION",
        read("modules/app.bicep"),
        re.DOTALL,
    )
    assert order  # the last one that names a setting wins
    assert order.groups() == ("settings", "hostSettings")
    assert parameters_of_main()["otherSettings"]["default"] == "{}"


def test_the_host_reads_no_longer_bodies_than_the_local_one_and_a_message_fits() -> None:
    found = re.search(r"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '(\d+)'", read("modules/app.bicep"))
    assert found
    assert MOST_BYTES < int(found[1]) == MOST_REQUEST_BYTES


def test_defaults_of_the_templates_are_those_of_the_code() -> None:
    parameters = parameters_of_main()
    for parameter, field in (
        ("samplesRetentionDays", "samples_retention_days"),
        ("standingsRetentionDays", "standings_retention_days"),
        ("reportRetentionDays", "report_retention_days"),
        ("allowedLatenessMinutes", "allowed_lateness_minutes"),
        ("minTenants", "min_tenants"),
        ("averagingBudgetSeconds", "averaging_budget_seconds"),
        ("reductions", "reductions"),
        ("tenantClaim", "tenant_claim"),
    ):
        assert parameters[parameter]["default"].strip("'") == str(Settings.model_fields[field].default)


def test_only_who_is_enrolled_may_send_in_azure_unless_told_otherwise() -> None:
    assert parameters_of_main()["enrolment"]["default"] == "'required'"
    assert Settings.model_fields["enrolment"].default == "open"


def test_what_make_cost_assumes_of_the_templates_are_their_defaults() -> None:
    parameters = parameters_of_main()
    assumed = tomllib.loads((ROOT / "benchmarks/prices.toml").read_text())["assumptions"]
    memory = int(parameters["instanceMemoryMB"]["default"])
    assert assumed["instance_gb"] == memory / 1024
    assert parameters["httpConcurrency"]["default"] == "instanceMemoryMB / 256"
    assert assumed["http_concurrency"] == memory // 256
    assert assumed["samples_days"] == int(parameters["samplesRetentionDays"]["default"])
    assert assumed["report_days"] == int(parameters["reportRetentionDays"]["default"])


def test_an_instance_is_given_several_requests_at_a_time() -> None:
    site = body_of("modules/app.bicep", "site")
    assert re.search(
        r"scaleAndConcurrency: \{[^}]*triggers: \{ http: \{ perInstanceConcurrency: httpConcurrency \} \}", site
    )
    assert "httpConcurrency: httpConcurrency" in read("main.bicep")


def test_python_in_azure_is_the_one_of_the_tests_unless_another_is_asked_for() -> None:
    version = parameters_of_main()["pythonVersion"]["default"].strip("'")
    workflow = (ROOT / ".github/workflows/main.yml").read_text()
    assert re.findall(r'python-version: "(.*)"', workflow) == [version]
    target = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["target-version"]
    assert target == f"py{version.replace('.', '')}"


def test_azure_gets_each_python_that_the_lock_is_for() -> None:
    choices = re.search(r"@allowed\(\[(.*)\]\)\nparam pythonVersion ", read("main.bicep"))
    lock = (ROOT / "requirements/lock.txt").read_text().splitlines()[0]
    assert choices
    versions = re.findall(r"'(.*?)'", choices[1])
    assert versions == ["3.11", "3.12", "3.13"]
    assert f"on Python {versions[0]} to {versions[-1]} " in lock
    assert "pythonVersion: pythonVersion" in read("main.bicep")
    assert re.search(r"runtime: \{\s*name: 'python'\s*version: pythonVersion\s*\}", read("modules/app.bicep"))

    def pins(text: str, python: str) -> list[str]:
        given = [Requirement(line) for line in text.splitlines() if line.startswith("azure-functions==")]
        environment = {"python_version": python, "python_full_version": f"{python}.0"}
        return [str(each.specifier) for each in given if each.marker is None or each.marker.evaluate(environment)]

    for version in versions:
        (pin,) = pins((ROOT / "requirements.txt").read_text(), version)
        assert pin.startswith("==2.") == (version == "3.13")  # the line of azure-functions that this Python wants


def test_no_key_opens_anything() -> None:
    everything = "".join(path.read_text() for path in FILES)
    assert "listKeys" not in everything
    assert "@secure" not in everything
    assert read("modules/storage.bicep").count("allowSharedKeyAccess: false") == 1
    assert read("modules/servicebus.bicep").count("disableLocalAuth: true") == 1
    assert read("modules/cosmos.bicep").count("disableLocalAuth: true") == 1
    assert read("modules/monitoring.bicep").count("DisableLocalAuth: true") == 1
    assert read("modules/app.bicep").count("properties: { allow: false }") == 2


def test_the_host_knows_its_storage_by_name_alone() -> None:
    text = read("modules/app.bicep")
    given = set(re.findall(r"^  (AzureWebJobsStorage\w*):", text, re.MULTILINE))
    assert given == {f"AzureWebJobsStorage__{name}" for name in ("accountName", "credential", "clientId")}


def test_principals_are_believed_only_where_the_platform_is_in_front() -> None:
    text = read("modules/app.bicep")
    authentication = body_of("modules/app.bicep", "authentication")
    assert "resource authentication 'config' = {" in authentication  # also where it is off, or it would stay on
    assert "platform: { enabled: signIn }" in authentication
    assert "identityProviders: signIn" in authentication
    assert "PLATFORM_AUTHENTICATION: string(signIn)" in text
    # The platform's own, which the app compares: if it were given, it would say nothing.
    assert not [file.name for file in FILES if PLATFORM_IS_ON in file.read_text()]
    assert PLATFORM_IS_ON not in read("main.parameters.json")
    assert "dependsOn: [authentication]" in text
    assert parameters_of_main()["authClientId"]["default"] == "''"
    assert "ROLE_DIRECTORY: tenant().tenantId" in read("main.bicep")


def test_there_is_no_secret_and_no_preview_feature_unless_asked_for() -> None:
    registration = body_of("modules/app.bicep", "authentication")
    assert re.search(
        r"registration: union\(\s*\{\s*clientId: authClientId\s*openIdIssuer: authIssuer\s*\},"
        r"\s*federated \? \{ clientSecretSettingName: signInSecretSetting \} : \{\}\s*\)",
        registration,
    )
    assert "var federated = signIn && authFederated\n" in read("modules/app.bicep")
    assert parameters_of_main()["authFederated"]["default"] == "false"


def test_alerts_by_query_are_deployed_before_there_are_tables() -> None:
    rules = re.findall(r"resource (\w+) 'Microsoft.Insights/scheduledQueryRules", read("modules/alerts.bicep"))
    assert len(rules) >= 3
    for rule in rules:
        assert "\n    skipQueryValidation: true\n" in body_of("modules/alerts.bicep", rule), rule


def test_the_alert_on_an_old_report_reads_what_the_app_logs() -> None:
    alert = body_of("modules/alerts.bicep", "oldReport")
    patterns = re.findall(r'extract\(@"(.*?)", 1, Message\)', alert)
    said = re.search(r'"(report ageSeconds=%d by=%s)"', (ROOT / "blueprints/averaging.py").read_text())
    assert said
    read = [re.search(pattern, said[1] % (1234, "ingest"))[1] for pattern in patterns]  # type: ignore[index]
    assert read == ["1234", "ingest"]
    (start,) = re.findall(r'Message startswith "(.*?)"', alert)
    assert said[1].startswith(start)


def test_an_old_report_is_told_of_once_there_was_one_and_not_where_the_cap_silenced_it() -> None:
    alert, cap = (body_of("modules/alerts.bicep", name) for name in ("oldReport", "cap"))
    full = 'Category =~ "Ingestion" and Detail contains "OverQuota"'
    assert "overrideQueryTimeRange: 'P2D'" in alert  # in which a first line is looked for
    assert "isnotnull(newest) and newest > coalesce(capped, " in alert
    for each in (alert, cap):
        assert full in each
        assert "scopes: [logs.id]" in each  # only the workspace knows of its cap


def test_what_alerts_read_is_never_sampled_and_the_rest_is() -> None:
    logging = json.loads((ROOT / "host.json").read_text())["logging"]
    never = logging["applicationInsights"]["samplingSettings"]["excludedTypes"].split(";")
    assert {"Trace", "Exception"} == set(never)
    # So nothing may write lines without end: the host's own are left out, and of ours those that nobody is alerted by.
    kept = {name for name, level in logging["logLevel"].items() if level == "Information"} - {"Host.Results"}
    assert logging["logLevel"]["default"] == "Warning"
    functions = {
        f"Function.{name}.User" for name in ("ingest", "average", "plan_operation", "do_step", "end_operation")
    }
    assert kept == functions
    assert {name.split(".")[1] for name in kept} <= EXPECTED.keys()
    starts = set(re.findall(r'essage startswith "(\w+)', read("modules/alerts.bicep")))
    assert starts == {"report", "ingested", "operation"}  # of averaging, of ingest, and of the operations' activities


def test_the_alerts_on_refusals_and_failed_operations_read_what_the_app_logs() -> None:
    said = line("ingested", messages=1, refused=3, reasons=["2 times: a, b", "1 times: c"], charge="1.0 RU")
    alerts = read("modules/alerts.bicep").replace("\\\\", "\\")
    refused, reasons = re.findall(r'extract\(@"(.*?)", 1, message\)', alerts[alerts.index('"ingested "') :])[:2]
    assert re.search(refused, said)[1] == "3"  # type: ignore[index]
    assert re.search(reasons, said)[1] == '"2 times: a, b,1 times: c"'  # type: ignore[index]
    code = (ROOT / "blueprints/ingest.py").read_text()
    assert 'line(\n        "ingested"' in code
    assert code.index("refused=") < code.index("reasons=") < code.index("charge=")
    assert line("operation ended", rows=1, error=None).endswith(" error=None")
    assert 'line("operation ended"' in (ROOT / "blueprints/operations.py").read_text()


def pins(path: str) -> dict[tuple[str, str], str]:
    """By package and for which Python: the exact version."""
    found: dict[tuple[str, str], str] = {}
    for text in (ROOT / path).read_text().splitlines():
        if text and not text.startswith("#"):
            requirement = Requirement(text)
            (pin,) = requirement.specifier
            assert pin.operator == "==", text
            found[canonicalize_name(requirement.name), str(requirement.marker or "")] = pin.version
    return found


def test_what_is_deployed_is_pinned_as_it_was_tested() -> None:
    deployed, locked = pins("requirements.txt"), pins("requirements/lock.txt")
    assert deployed.items() <= locked.items()
    names = {name for name, _ in deployed}
    # Everything that the app needs is there, and what that needs, to the end: nothing is left for pip to choose.
    waiting = [text for text in (ROOT / "requirements/app.txt").read_text().splitlines() if not text.startswith("#")]
    needed: set[str] = set()
    while waiting:
        requirement = Requirement(waiting.pop())
        name = canonicalize_name(requirement.name)
        if (requirement.marker is None or requirement.marker.evaluate({"extra": ""})) and name not in needed:
            needed.add(name)
            waiting += requires(name) or []
    assert len(needed) >= 40
    assert needed <= names
    assert not names & {"pytest", "croniter", "azure-storage-blob"}  # of tests, of the local host, of the SPOC


SHIPPED = {
    "function_app.py",
    "host.json",
    "requirements.txt",
    "blueprints",
    "domain",
    "messaging",
    "pipeline",
    "storage",
    "web",
}


def files_of_the_project() -> list[str]:
    """What lies in the project's folder, also what git does not know, and what is not there in a fresh clone."""
    found = ["__pycache__/function_app.cpython-311.pyc", "blueprints/__pycache__/api.cpython-311.pyc", "domain/old.pyc"]
    found += ["storage/__pycache__/cosmos.cpython-311.pyc.140213"]  # half written
    found += ["local.settings.json", ".venv/bin/python", ".git/config", ".local/store.db"]
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "node_modules"]
        found += [(Path(folder) / name).relative_to(ROOT).as_posix() for name in names]
    return found


def shipped_by_core_tools(lines: Sequence[str], path: str) -> bool:
    """Whether Core Tools publishes a file: the rule of its GitIgnoreParser, which is not git's.

    Each line is what a path begins with; of wildcards it knows ``*``, anything but slashes, and ``**``, anything.
    """
    escaped = (re.sub(r"([-\[\]/{}()+?.\\^$|])", r"\\\1", line.removeprefix("/")) for line in lines)
    patterns = [line.replace("**", "(.+)").replace("*", r"([^\/]+)") for line in escaped]
    return not any(re.match(pattern, path) for pattern in patterns)


def test_core_tools_and_azd_ship_the_app_and_nothing_else() -> None:
    lines = [line for line in (ROOT / ".funcignore").read_text().splitlines() if not line.startswith("#")]
    git = GitIgnoreSpec.from_lines(lines)  # azd reads them so (azure-dev, pull request 5383)
    for path in files_of_the_project():
        wanted = path.split("/")[0] in SHIPPED and "__pycache__" not in path and not path.endswith((".pyc", ".md"))
        assert shipped_by_core_tools(lines, path) == wanted, path
        assert (not git.match_file(path)) == wanted, path
    assert not shipped_by_core_tools(["requirements"], "requirements.txt")  # which left the app without packages


def test_the_workflow_ships_the_same() -> None:
    zipped = re.search(r"zip -qr app\.zip (.+)", (ROOT / ".github/workflows/main.yml").read_text())
    assert zipped
    assert set(zipped[1].split()) == SHIPPED


def test_what_is_shipped_imports_nothing_that_is_not() -> None:
    others = {path.parent.name for path in ROOT.glob("*/__init__.py")} - SHIPPED
    assert others >= {"local", "edge", "tests"}
    for name in SHIPPED:
        for path in [ROOT / name] if name.endswith(".py") else (ROOT / name).rglob("*.py"):
            imported = set(re.findall(r"^\s*(?:from|import) (\w+)", path.read_text(), re.MULTILINE))
            assert not imported & others, path
