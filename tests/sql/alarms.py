"""An account whose meters break limits when a test says so: rules, rounds of the watch, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from sql import alarm_watch, ledger
from sql.alarm_rules import Draft, Rule, Target, add_rule
from sql.alarm_watch import Round, watch
from sql.alarms import Alarm, Wanted, alarms
from sql.audit import Actor
from tests.conftest import Database
from tests.sql.plant import Meter, at, meter, put

SOMEBODY = Actor("somebody@example.com")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EVERY_DEVICE = range(alarm_watch.NIGHT_TURNS)


@dataclass
class Watched:
    """A meter of its own account, and the rules that hold for it."""

    database: Database
    meter: Meter
    register: Decimal = Decimal(1000)
    times: list[datetime] = field(default_factory=list)

    @classmethod
    def build(cls, database: Database, zone: str = "America/Sao_Paulo", **given: Any) -> Watched:
        """Register a meter that may consume up to 1,000 units an hour."""
        return cls(database, meter(database, zone, **({"max_rate": Decimal(1000), "interval": 300} | given)))

    def rule(
        self, kind: str, limit: object = None, percent: int | None = None, target: Target | None = None, since: str = "2020-01-01"
    ) -> Rule:
        """Make a rule that has been there for long, unless a test says since when."""
        draft = Draft(kind, target or Target(device=self.meter.id), None if limit is None else Decimal(str(limit)), percent)
        with self.database.owner.transaction() as connection:
            made = add_rule(connection, self.meter.account_id, draft, SOMEBODY)
            connection.execute(text("ALTER TABLE tds.alarm_rule DISABLE TRIGGER count_version"))
            connection.execute(
                text("UPDATE tds.alarm_rule SET created_at = :since WHERE id = :id"), {"since": since, "id": made.id}
            )
            connection.execute(text("ALTER TABLE tds.alarm_rule ENABLE TRIGGER count_version"))
        return made

    def consume(self, start: str | datetime, units: object, lasting: timedelta, every: timedelta = 5 * MINUTE) -> datetime:
        """Let the meter count so many units evenly; gives when it did."""
        begin = start if isinstance(start, datetime) else at(start, self.meter.zone)
        steps = int(lasting / every)
        readings = [] if self.times and self.times[-1] == begin else [(begin, self.register)]
        share = Decimal(str(units)) / steps
        readings += [(begin + every * n, (self.register + share * n).quantize(Decimal("0.001"))) for n in range(1, steps + 1)]
        self.register = readings[-1][1]
        self.times += [moment for moment, _ in readings]
        put(self.database, self.meter, readings)
        self.drain()
        return readings[-1][0]

    def drain(self) -> None:
        """Have the ledger know what was stored, without refreshing anything: the watch must not depend on that."""
        while ledger.process_one_batch(self.database.owner):
            pass

    def watch(self, now: str | datetime, everything: bool = False, silences: bool = False) -> Round:
        """Do a round; with `everything` also what is otherwise looked at in turns."""
        moment = now if isinstance(now, datetime) else at(now, self.meter.zone)
        found = watch(self.database.owner, moment, EVERY_DEVICE if everything else (), silences)
        assert found is not None
        return found

    def alarms(self) -> list[Alarm]:
        """Give the account's alarms, the oldest first, as its people see them."""
        with self.database.web.transaction(account_id=self.meter.account_id) as connection:
            return alarms(connection, Wanted(self.meter.account_id), 100, ranked=False)[::-1]

    def one(self) -> Alarm:
        """Give the only alarm."""
        (found,) = self.alarms()
        return found

    def execute(self, statement: str, **values: Any) -> None:
        with self.database.owner.transaction() as connection:
            connection.execute(text(statement), values)

    def ask(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        with self.database.owner.transaction() as connection:
            return [tuple(row) for row in connection.execute(text(query), values)]

    def recipient(self, address: str = "energy@example.com", **given: Any) -> int:
        """Have somebody told."""
        facts = {
            "channel": "mail",
            "secret": None,
            "kinds": ["daily", "monthly", "peak", "base", "silence", "stuck"],
            "closings": True,
            "low": None,
            "high": None,
        } | given
        row = self.ask(
            "INSERT INTO tds.alarm_recipient (account_id, channel, address, secret, kinds, closings, quiet_from, quiet_to)"
            " VALUES (:account, :channel, :address, :secret, :kinds, :closings, :low, :high) RETURNING id",
            account=self.meter.account_id, address=address, **facts,
        )  # fmt: skip
        return int(row[0][0])

    def messages(self) -> list[tuple[Any, ...]]:
        """Give what waits to be told: recipient, alarms opened and closed."""
        return self.ask(
            "SELECT recipient_id, opened, closed FROM tds.alarm_message WHERE account_id = :a ORDER BY created_at",
            a=self.meter.account_id,
        )
