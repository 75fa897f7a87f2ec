"""The dialogs of the certificates page: issuing, revoking, a batch from a file."""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from tds_dash import batches
from tds_dash.certificate_words import REASONS
from tds_dash.components.attributes import LIVE
from tds_dash.components.dialogs import dialog, labelled_field
from tds_dash.wording import t

OTHER = "other"


def issuing(locale: str) -> Component:
    """Give the dialog that asks where the key is made; assets/certificates.js carries it out, since a file comes back."""
    ways = [("key", t("certificates.way_key", locale)), ("request", t("certificates.way_request", locale))]
    kinds = [("ec", t("certificates.kind_ec", locale)), ("rsa", t("certificates.kind_rsa", locale))]
    text = dbc.Textarea(
        id="certificates-request",
        rows=6,
        spellcheck="false",
        className="tds-input tds-code",
        placeholder="-----BEGIN CERTIFICATE REQUEST-----",
    )
    fields = [
        html.P(id="certificates-issue-said"),
        choice("certificates-way", t("certificates.way", locale), ways),
        html.Div(
            [
                choice("certificates-kind", t("certificates.kind", locale), kinds),
                html.P(t("certificates.key_once", locale), className="tds-muted"),
            ],
            id="certificates-by-key",
            className="tds-form",
        ),
        html.Div(
            [
                labelled_field("certificates-request", t("certificates.request", locale), text),
                upload("certificates-request-file", t("certificates.choose_file", locale)),
            ],
            id="certificates-by-request",
            className="tds-form",
            hidden=True,
        ),
        html.Div(id="certificates-issue-problem", role="alert", className="alert alert-danger tds-note"),
    ]
    told: dict[str, Any] = {f"data-{name}": t(f"certificates.{name}", locale) for name in ("working", "offline", "broken")}
    box = dialog("certificates-issue", t("certificates.issue_title", locale), fields, t("certificates.issue_save", locale))
    return html.Div(box, id="certificates-words", **told)


def revoking(locale: str) -> Component:
    """Give the dialog that says what revoking does, and asks why."""
    reasons = [{"value": one, "label": t(f"certificates.reason_{one}", locale)} for one in (*REASONS, OTHER)]
    select = dbc.Select(id="certificates-reason", options=reasons, value=REASONS[0], className="tds-input")
    words = dbc.Input(id="certificates-reason-words", type="text", maxLength=200, autocomplete="off", className="tds-input")
    fields = [
        html.P(id="certificates-revoke-what"),
        html.P(id="certificates-revoke-then"),
        html.P(t("certificates.revoke_nobody", locale), className="tds-muted"),
        labelled_field("certificates-reason", t("certificates.reason", locale), select),
        html.Div(
            labelled_field("certificates-reason-words", t("certificates.reason_words", locale), words),
            id="certificates-by-words",
            hidden=True,
        ),
        html.Div(id="certificates-revoke-told", **LIVE),
    ]
    return dialog("certificates-revoke", t("certificates.revoke_title", locale), fields, t("certificates.revoke_save", locale))


def many(locale: str) -> Component:
    """Give the dialog that takes a file."""
    again = dbc.Checkbox(id="certificates-again", label=t("certificates.batch_again", locale), value=False)
    fields = [
        html.P(batches.lead()),
        upload("certificates-file", t("certificates.choose_file", locale), ".csv,text/csv"),
        html.Div([again, html.Div(t("certificates.batch_again_hint", locale), className="tds-hint")]),
        html.Div(id="certificates-batch-told", **LIVE),
    ]
    return dialog("certificates-batch", t("certificates.batch_title", locale), fields, t("certificates.batch_save", locale))


def choice(id: str, label: str, options: list[tuple[str, str]]) -> html.Fieldset:
    """Give a few things of which one is chosen."""
    items = dbc.RadioItems(id=id, options=[{"value": value, "label": word} for value, word in options], value=options[0][0])
    return html.Fieldset([html.Legend(label, className="tds-label"), items], className="tds-fieldset")


def upload(id: str, text: str, accept: str = "") -> Component:
    """Give a place for a file: to click, or to drop it on."""
    given: dict[str, Any] = {"accept": accept} if accept else {}
    found: Component = dcc.Upload([text, html.Span(id=f"{id}-name")], id=id, className="tds-upload", **given)
    return found
