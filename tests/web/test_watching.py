"""Rules, dashboards and what they read: every metric, label and column that a file of deploy/ names is really there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import yaml
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from ingest.alarm_metrics import AlarmMetrics
from ingest.metrics import Metrics
from tests.project.tree import ROOT
from tests.sql.plant import tds
from tests.web.world import World

RULES = ROOT / "deploy/prometheus/rules.yml"
DASHBOARDS = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in (ROOT / "deploy/grafana/dashboards").glob("*")}
# Prometheus' own, and those of its node_exporter; words of its language.
FOREIGN = {"up": {"job", "instance"}} | {
    f"node_filesystem_{what}_bytes": {"fstype", "mountpoint", "instance"} for what in ("avail", "size")
}
WORDS = {"and", "or", "by", "sum", "max", "min", "rate", "increase", "absent", "topk", "histogram_quantile"}


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def targets(kind: str) -> list[tuple[str, dict[str, Any]]]:
    """Give every query of the dashboards to a sort of data source, with its panel."""
    panels = chain.from_iterable(dashboard["panels"] for dashboard in DASHBOARDS.values())
    return [(panel["title"], target) for panel in panels for target in panel["targets"] if target["datasource"]["type"] == kind]


@pytest.fixture(scope="module")
def exposed(sign_in_once: FlaskClient) -> dict[str, set[str]]:
    """Give every sample that the two processes expose, with its labels: as `tds ingest` puts it together, and of the pages."""
    ours = Metrics()
    AlarmMetrics(ours.registry)
    ours.watch_certificates(lambda: {"broker": datetime.now(UTC)})
    found: dict[str, set[str]] = {}
    for text in (ours.text().decode(), sign_in_once.get("/metrics").text):
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                found.setdefault(sample.name, {"job", "instance"}).update(sample.labels)
    assert "tds_gateway_delay_seconds" not in found, "text() shows the slowest alone"
    return found | {"tds_gateway_delay_seconds": {"gateway", "job", "instance"}}


@pytest.fixture(scope="module")
def sign_in_once(server: Any) -> FlaskClient:
    """Give a client that has asked for something, so that requests were counted."""
    client: FlaskClient = server.test_client()
    client.get("/healthz")
    return client


def expressions() -> list[tuple[str, str]]:
    rules = [(rule["alert"], rule["expr"]) for rule in alerts()]
    return rules + [(title, target["expr"]) for title, target in targets("prometheus")]


def test_every_metric_and_label_that_is_asked_for_exists(exposed: dict[str, set[str]]) -> None:
    known = exposed | FOREIGN
    assert len(expressions()) > 50
    for where, expression in expressions():
        bare = re.sub(r"\"[^\"]*\"|\[\w+\]", "", expression)
        names = set(re.findall(r"\b[a-z][a-z_0-9]*\b", re.sub(r"\{[^}]*\}|\bby \([^)]*\)", "", bare))) - WORDS
        assert names <= set(known), f"{where}: {names - set(known)}"
        labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", "".join(re.findall(r"\{([^}]*)\}", bare))))
        labels |= {label.strip() for group in re.findall(r"\bby \(([^)]*)\)", bare) for label in group.split(",")}
        assert labels <= set().union(*(known[name] for name in names)), f"{where}: {labels}"


def test_what_the_ingester_and_the_pages_tell_is_watched_or_shown(exposed: dict[str, set[str]]) -> None:
    asked = " ".join(expression for _, expression in expressions())
    ours = {re.sub(r"_(bucket|sum|count|created)$", "", name) for name in exposed if name.startswith("tds_")}
    ours = {name for name in ours if f"{name}_total" not in ours and not name.endswith("_created")}
    assert {name for name in ours if name not in asked} == set()


def test_every_alert_has_its_line_in_the_runbook() -> None:
    lines = re.findall(r"^\| `(Tds\w+)` \| .+ \| .+ \|$", (ROOT / "docs/watching.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert lines == [rule["alert"] for rule in alerts()]
    assert {rule["labels"]["severity"] for rule in alerts()} == {"page", "ticket"}
    assert all(rule["annotations"]["runbook"] == "docs/watching.md" for rule in alerts())


def test_prometheus_accepts_its_files_and_warns(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool here: apt-get install prometheus")
    subprocess.run([promtool, "check", "config", str(ROOT / "deploy/prometheus/prometheus.yml")], check=True, capture_output=True)
    cases = {
        "TdsNobodyStores": [("tds_active", "0x40")],
        "TdsLedgerBehind": [("tds_ledger_lag_seconds", "700x40")],
        "TdsBrokerDropped": [("tds_broker_dropped_messages", "1x40")],
        "TdsBrokerUnreachable": [("tds_active", "1x40"), ("tds_broker_connected", "0x40")],
        "TdsNothingArrives": [("tds_active", "1x40"), ("tds_messages_total", "5x40")],
        "TdsStoreFaults": [("tds_store_faults_total", "0+1x40")],
        "TdsCrlEnding": [("tds_crl_expires_seconds", "100000x40")],
        "TdsWebErrors": [('tds_http_requests_total{instance="a",status="503"}', "0+1x40")],
        "TdsWebDown": [('up{job="tds-web"}', "0x40")],
    }
    tests = []
    for name, series in cases.items():
        given = [{"series": one, "values": values.replace("x", "+0x") if "+" not in values else values} for one, values in series]
        expression = f'count(ALERTS{{alertname="{name}",alertstate="firing"}})'
        sure = {"expr": expression, "eval_time": "39m", "exp_samples": [{"labels": "{}", "value": 1}]}
        tests.append({"interval": "1m", "input_series": given, "promql_expr_test": [sure]})
    file = tmp_path / "cases.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}), encoding="utf-8")
    done = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def tool(world: World) -> Iterator[str]:
    """Make a login for SQL as one does for Grafana; gives its URL."""
    name = f"grafana_{world.account}_test"
    made = tds(world.database, "db-user", "add", name, "--account", "Aurora")
    yield made.out.strip()
    assert tds(world.database, "db-user", "remove", name).code == 0


def test_every_query_of_the_dashboard_runs_as_the_tools_login(tool: str) -> None:
    asked = [(title, target["rawSql"]) for title, target in targets("grafana-postgresql-datasource")]
    variables = DASHBOARDS["tds-consumption.json"]["templating"]["list"]
    asked += [(variable["name"], variable["query"]) for variable in variables]
    assert len(asked) == 10
    empty = set()
    with closing(psycopg2.connect(tool)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(id::text, ',') FROM web.device")
        devices = str((cursor.fetchone() or ("",))[0])
        for title, sql in asked:
            filled = re.sub(r"\$__timeFilter\(([\w.]+)\)", r"\1 BETWEEN now() - interval '90 days' AND now()", sql)
            cursor.execute(filled.replace("'$resource'", "'electricity'").replace("$device", devices))
            names = [column.name for column in cursor.description or ()]
            if "time" in names:
                assert names in (["time", "metric", "value"], ["time", "measured share"]), title
            if not cursor.fetchall():
                empty.add(title)
    assert empty <= {"Levels (temperatures): mean of the hour"}


def test_the_dashboards_name_the_data_sources_that_are_provisioned() -> None:
    folder = ROOT / "deploy/grafana/provisioning"
    sources = yaml.safe_load((folder / "datasources/tds.yml").read_text(encoding="utf-8"))["datasources"]
    known = {(source["type"], source["uid"]) for source in sources}
    for name, dashboard in DASHBOARDS.items():
        used = {(panel["datasource"]["type"], panel["datasource"]["uid"]) for panel in dashboard["panels"]}
        assert used <= known, name
        assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
        places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in dashboard["panels"]]
        assert len(set(places)) == len(places)
    variables = set(re.findall(r"\$\{(\w+)\}", (folder / "datasources/tds.yml").read_text(encoding="utf-8")))
    assert variables == set(
        re.findall(r"^(TDS_GRAFANA_\w+)=", (ROOT / "docs/watching.md").read_text(encoding="utf-8"), re.MULTILINE)
    )
