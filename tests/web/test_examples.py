"""The examples for other tools: their SQL runs as a tool's login, and what their gateways publish is taken."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pytest
import yaml
from jinja2 import Environment
from playwright._impl._driver import compute_driver_executable

from ingest.message import Message, decode
from tests.project.tree import ROOT
from tests.sql.plant import tds
from tests.web.world import OURS, SILENT, World

EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def tool(world: World) -> Iterator[str]:
    """Make a login for SQL; gives its URL."""
    name = f"notebook_{world.account}_test"
    yield tds(world.database, "db-user", "add", name, "--account", "Aurora").out.strip()
    assert tds(world.database, "db-user", "remove", name).code == 0


def test_the_notebooks_queries_run_as_the_tools_login(tool: str) -> None:
    notebook = json.loads((EXAMPLES / "notebook/consumption.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells), "committed without what it gave"
    queries = [
        str(node.value)
        for cell in cells
        for node in ast.walk(ast.parse("".join(cell["source"])))
        if isinstance(node, ast.Constant) and "SELECT" in str(node.value)
    ]
    assert len(queries) == 5
    with closing(psycopg2.connect(tool)) as connection, connection.cursor() as cursor:
        found = []
        for query in queries:
            filled = re.sub(r"(?<!:):(resource|zone)\b", r"%(\1)s", query.replace("%", "%%"))
            cursor.execute(filled, {"resource": "electricity", "zone": "America/Sao_Paulo"})
            found.append(cursor.fetchall())
    columns, meters = found[:2]
    assert all(meaning for _, _, meaning in columns)
    assert {meter[1] for meter in meters} == {OURS, SILENT}
    assert found[2]
    assert found[3]


def test_the_login_is_told_apart_from_the_owners(tool: str, world: World) -> None:
    assert urlsplit(tool).username != urlsplit(world.database.owner.url).username


def taken(topic: str, payload: str) -> Message:
    """Give what a message says; nothing of it is refused."""
    message = decode(topic, payload.encode())
    assert message.rejections == []
    assert topic == f"tds_new/devices/{message.mac}/telemetry"
    return message


def test_home_assistant_publishes_what_is_taken() -> None:
    (automation,) = yaml.safe_load((EXAMPLES / "home-assistant/tds.yaml").read_text(encoding="utf-8"))["automation"]
    shown = {
        "sensor.house_energy_total": "1234.5",
        "sensor.water_meter_total": "unavailable",
        "sensor.cold_room_temperature": "-2.25",
    }

    def is_number(value: str) -> bool:
        return re.fullmatch(r"-?\d+(\.\d+)?", value) is not None

    environment = Environment(autoescape=False)
    environment.globals |= {"states": shown.get, "is_number": is_number, "utcnow": lambda: datetime.now(UTC)}
    environment.filters |= {"to_json": json.dumps, "states": shown.get}
    environment.tests |= {"is_number": is_number}
    meters = automation["variables"]["meters"]
    (condition,) = automation["conditions"]
    assert environment.from_string(condition).render(meters=meters) == "True"
    (action,) = automation["actions"]
    data = action["data"]
    message = taken(data["topic"], environment.from_string(data["payload"]).render(meters=meters))
    assert [(one.code, str(one.value), one.unit) for one in message.readings] == [
        ("D01", "1234.5", "kWh"),
        ("D03", "-2.25", "°C"),
    ]
    assert (int(data["qos"]), data["retain"]) == (1, False)


def test_the_bridge_carries_those_topics_and_retains_nothing() -> None:
    text = (EXAMPLES / "home-assistant/tds-bridge.conf").read_text(encoding="utf-8")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#")]
    mac = dict(lines)["remote_clientid"]
    topics = [line[1] for line in lines if line[0] == "topic"]
    assert topics == [f"tds_new/devices/{mac}/telemetry out 1", f"tds_new/devices/{mac}/commands/# in 1"]
    assert {"notifications": "false", "bridge_outgoing_retain": "false", "cleansession": "false"}.items() <= dict(lines).items()
    assert mac in (EXAMPLES / "home-assistant/tds.yaml").read_text(encoding="utf-8")


# What a function of Node-RED finds around it; gives what it returns, three times, with a confirmation in between.
AROUND = """
const kept = {}, node = {status: () => {}}, flow = {get: key => kept[key], set: (key, value) => { kept[key] = value; }};
const [keep, stored] = JSON.parse(process.argv[1]).map(text => new Function("msg", "flow", "node", text));
const first = keep({payload: {D01: "1000.02", D02: 20.5, D99: 1, D03: NaN}}, flow, node)[0];
const again = keep({payload: {}}, flow, node)[0];
stored({payload: {seq: [JSON.parse(first[0].payload).seq]}}, flow, node);
console.log(JSON.stringify({first, again, left: Object.keys(kept.waiting).length}));
"""


def test_node_red_publishes_what_is_taken_and_forgets_what_is_stored() -> None:
    flow = {one["id"]: one for one in json.loads((EXAMPLES / "node-red/tds-gateway.json").read_text(encoding="utf-8"))}
    wired = {target for one in flow.values() for output in one.get("wires", []) for target in output}
    assert wired <= flow.keys()
    node = compute_driver_executable()[0]
    try:
        given = json.dumps([flow["tds-keep"]["func"], flow["tds-stored"]["func"]])
        done = subprocess.run([node, "-e", AROUND, given], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        if isinstance(error, subprocess.CalledProcessError) and "Error" in error.stderr and "libatomic" not in error.stderr:
            raise AssertionError(error.stderr) from None
        pytest.skip("no program to run JavaScript here: apt-get install libatomic1")
    found = SimpleNamespace(**json.loads(done.stdout))
    (sent,) = found.first
    message = taken(sent["topic"], sent["payload"])
    assert [(one.code, str(one.value), one.unit) for one in message.readings] == [
        ("D01", "1000.02", "kWh"),
        ("D02", "20.5", "°C"),
    ]
    assert message.seq
    assert (found.again, found.left) == ([], 0)
    broker: dict[str, Any] = flow["tds-broker"]
    assert (broker["clientid"], broker["willRetain"], flow["tds-in"]["topic"]) == (
        message.mac,
        "false",
        f"tds_new/devices/{message.mac}/commands/stored",
    )
