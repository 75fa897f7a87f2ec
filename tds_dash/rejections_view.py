"""What the rejections page answers: causes with what to do, single rejections with what was received, what was tried again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, NamedTuple

from dash import dcc, html
from dash.development.base_component import Component

from sql.fleet import Account
from sql.rejections import Group, Position, Rejection, Replay, Unkept
from tds_dash import payloads, wording
from tds_dash.components import empty_state, sentence
from tds_dash.components.attributes import DECORATION, labelled
from tds_dash.wording import t

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LARGEST_ID = 2**63 - 1
# Of these the program has nothing to note that their name does not say; its notes are in English.
PLAIN = frozenset({"unknown_gateway", "unknown_device", "inactive_device", "mac_mismatch", "too_old", "too_large"})
ICONS = {
    "unknown_device": "question-circle",
    "unknown_gateway": "question-circle",
    "inactive_device": "slash-circle",
    "unit_mismatch": "rulers",
    "future_timestamp": "clock",
    "bad_timestamp": "clock",
    "too_old": "clock-history",
    "too_large": "box",
    "mac_mismatch": "fingerprint",
    "conflicting_duplicate": "files",
}


class Shown(NamedTuple):
    """How rejections are shown: in which zone and language, to whom."""

    zone: tzinfo
    locale: str
    may_edit: bool

    def moment(self, time: datetime) -> str:
        """Write when something was received."""
        return wording.date_clock(time, self.locale, self.zone)

    def span(self, first: datetime, last: datetime) -> str:
        """Say since when and when last, or when it was where that is the same minute."""
        moments = {"first": self.moment(first), "last": self.moment(last)}
        return t("rejections.once" if moments["first"] == moments["last"] else "rejections.since", self.locale, **moments)


def causes(found: Sequence[Group], most: int, shown: Shown) -> Component:
    """Give the causes under a heading that counts them: what it is, what to do, how often since when, and the button that mends."""
    heading = html.H2(t("rejections.groups", shown.locale, n=found[0].groups), className="tds-section-title")
    more = html.P(t("rejections.groups_more", shown.locale, n=most), className="tds-muted") if found[0].groups > most else None
    return html.Div([heading, html.Ul([cause(group, shown) for group in found], className="tds-events"), more])


def cause(group: Group, shown: Shown) -> html.Li:
    """Give one cause."""
    named = {"gateway": group.gateway_name or group.gateway_mac, "code": group.device_code or "?"}
    often = t("rejections.times", shown.locale, n=group.number)
    words = [
        html.Div([kind(group.reason, shown.locale), whose(group)], className="tds-event-head"),
        html.P(sentence(f"rejections.do_{group.reason}", shown.locale, **named), className="tds-event-said"),
        html.Div(f"{often}, {shown.span(group.first_at, group.last_at)}", className="tds-event-when"),
    ]
    return html.Li([html.Div(words), buttons(group, named, shown) if shown.may_edit else None], className="tds-event")


def kind(reason: str, locale: str) -> html.Span:
    """Name a reason, with its sign."""
    icon = html.I(className=f"bi bi-{ICONS.get(reason, 'exclamation-circle')}", **DECORATION)
    return html.Span([icon, t(f"rejections.{reason}", locale)], className=f"tds-event-kind tds-rejection-{reason}")


def whose(one: Group | Rejection, *, linked: bool = True) -> Component | None:
    """Name device and gateway, as far as they are known."""
    gateway = gateway_of(one) if linked else one.gateway_name or one.gateway_mac
    if one.device_code is None:
        return html.Span(gateway, className="tds-rejection-whose")
    return html.Span([html.Code(one.device_code), " · ", gateway], className="tds-rejection-whose")


def gateway_of(one: Group | Rejection) -> Component | str:
    """Name the gateway, with the link to it where it is registered."""
    name = one.gateway_name or one.gateway_mac
    return name if one.gateway_id is None else dcc.Link(name, href=f"/gateway/{one.gateway_id}")


def buttons(group: Group, named: dict[str, str], shown: Shown) -> html.Div | None:
    """Give the buttons that mend a cause; assets/rejections.js sends what is pressed to the page's callbacks."""
    if not group.mendable or group.gateway_id is None:
        return None
    adoptable = group.reason == "unknown_device" and group.device_code
    verbs = ("adopt", "retry") if adoptable else ("retry",)  # it may have been registered elsewhere meanwhile
    reason = t(f"rejections.{group.reason}", shown.locale)
    found = []
    for verb in verbs:
        look = "btn btn-sm btn-primary" if verb == "adopt" else "btn btn-sm btn-outline-secondary"
        words: dict[str, Any] = {"data-mend": verb, "data-rejection": str(group.newest)}
        words |= labelled(t(f"rejections.{verb}_of", shown.locale, **named, reason=reason))
        found.append(html.Button(t(f"rejections.{verb}", shown.locale), className=look, **words))
    return html.Div(found, className="tds-event-actions")


def listed(found: Sequence[Rejection], shown: Shown) -> Component:
    """Give single rejections, each of which opens to what was received."""
    heading = html.H2(t("rejections.list", shown.locale), className="tds-section-title")
    return html.Div([heading, html.Div([item(one, shown) for one in found], className="tds-rejections")])


def item(one: Rejection, shown: Shown) -> html.Details:
    """Give one rejection: when, why, whose; opened, what was received and what the program noted."""
    when = html.Time(
        wording.date(one.received_at, shown.locale, shown.zone)
        + " "
        + wording.clock(one.received_at, shown.locale, shown.zone, seconds=True),
        dateTime=one.received_at.isoformat(),
    )
    # What opens a line holds no link of its own: nothing but its words would be read out, and a press could mean either.
    head = html.Summary([when, kind(one.reason, shown.locale), whose(one, linked=False)])
    told = one.detail and one.reason not in PLAIN
    facts = [html.Dt(t("field.gateway", shown.locale)), html.Dd(gateway_of(one))] if one.gateway_id is not None else []
    facts += [html.Dt(t("rejections.note", shown.locale)), html.Dd(html.Code(one.detail, lang="en"))] if told else []
    body = html.Div([html.Dl(facts), *received(one, shown.locale)], className="tds-rejection-body")
    return html.Details([head, body], className="tds-rejection")


def received(one: Rejection, locale: str) -> list[Component]:
    """Show the payload, and say where it is cut and where all of it is."""
    found = payloads.show(one.payload, one.size)
    cut = found.size < one.size
    title = (
        t("rejections.received_cut", locale, shown=found.size, size=one.size)
        if cut
        else t("rejections.received_size", locale, n=one.size)
    )
    hint = html.P(t("rejections.hex", locale), className="tds-hint") if found.kind == "hex" else None
    link = html.A(t("rejections.whole", locale), href=f"/api/v1/rejections/{one.id}") if cut else None
    code = html.Pre(found.text, className="tds-payload", tabIndex=0, role="region", **labelled(title))
    return [part for part in (html.P(title, className="tds-label"), hint, code, link) if part is not None]


def nothing(narrowed: bool, locale: str) -> Component:
    """Say that there is nothing, at all or with these filters."""
    key = "rejections.empty_filtered" if narrowed else "rejections.empty"
    return empty_state(t(key, locale), t(f"{key}_text", locale), icon="check2-circle")


def not_kept(found: Sequence[Unkept], shown: Shown) -> list[Component]:
    """Say which gateways sent more than is kept of them."""
    return [
        html.Div(
            [
                html.I(className="bi bi-exclamation-triangle", **DECORATION),
                sentence(
                    "rejections.unkept",
                    shown.locale,
                    gateway=one.gateway_name or one.gateway_mac or "",
                    n=one.unkept,
                    when=shown.span(one.first_at, one.last_at),
                ),
            ],
            className="alert alert-warning tds-note",
            role="note",
        )
        for one in found
    ]


def tried(found: Sequence[Replay], shown: Shown) -> Component | None:
    """Say how what was tried again went, or goes."""
    if not found:
        return None
    heading = html.H2(t("rejections.replays", shown.locale), className="tds-section-title")
    return html.Div([heading, html.Ul([html.Li(progress(one, shown)) for one in found], className="tds-replays")])


def progress(one: Replay, shown: Shown) -> list[Component | str]:
    """Say how one request goes."""
    what = (
        t("rejections.behind", shown.locale, code=one.device_code, gateway=one.gateway_name)
        if one.device_code
        else one.gateway_name
    )
    if one.finished_at is None:
        state = "running" if one.tried else "waiting"
        mark = html.I(className="bi bi-hourglass-split", **DECORATION)
        return [mark, sentence(f"rejections.replay_{state}", shown.locale, what=what, n=one.stored)]
    time = shown.moment(one.finished_at)
    said: list[Component | str] = [sentence("rejections.replay_done", shown.locale, what=what, n=one.stored, time=time)]
    said += [f" {t('rejections.replay_known', shown.locale, n=one.known)}"] if one.known else []
    said += [f" {t('rejections.replay_refused', shown.locale, n=one.refused)}"] if one.refused else []
    return [html.I(className="bi bi-check2-circle", **DECORATION), html.Span(said)]


def no_right(role: str | None, account: Account, locale: str) -> Component:
    """Say which role may register and try again."""
    names = {name: t(f"role.{name}", locale) for name in ("editor", "admin")}
    text = t("rejections.no_right", locale, **names, role=t(f"role.{role}", locale) if role else "", account=account.name)
    return html.Div([html.I(className="bi bi-lock", **DECORATION), text], className="alert alert-warning tds-note", role="note")


def written(edge: Position | None, way: str) -> str:
    """Write a place as an address holds it, such as `older.1764000000000000.17`."""
    return f"{way}.{(edge.time - EPOCH) // timedelta(microseconds=1)}.{edge.id}" if edge else ""


def position(given: object) -> tuple[Position | None, Position | None]:
    """Read a place: (before, after), of which one or none is set."""
    way, _, rest = str(given or "").partition(".")
    micros, _, number = rest.partition(".")
    fits = all(part.isascii() and part.isdigit() for part in (micros, number)) and len(micros) < 17 and len(number) < 20
    if way not in ("older", "newer") or not fits:
        return None, None
    place = Position(EPOCH + timedelta(microseconds=int(micros)), min(int(number), LARGEST_ID))
    return (place, None) if way == "older" else (None, place)
