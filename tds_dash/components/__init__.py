"""Components: functions that return Dash components; what they say comes from wording, how they look from assets."""

from tds_dash.components.cards import Change, metric_card, metric_cards
from tds_dash.components.charts import chart_card, consumption_table, estimated_legend, history_table
from tds_dash.components.controls import page_header, period_picker, segmented
from tds_dash.components.states import (
    State,
    card_skeletons,
    condition_badge,
    empty_state,
    error_state,
    no_right_state,
    sentence,
    skeleton,
    stale_note,
    status_badge,
)
from tds_dash.components.tables import ReadingLine, data_table, facts_list, readings_table

__all__ = [
    "Change",
    "ReadingLine",
    "State",
    "card_skeletons",
    "chart_card",
    "condition_badge",
    "consumption_table",
    "data_table",
    "empty_state",
    "error_state",
    "estimated_legend",
    "facts_list",
    "history_table",
    "metric_card",
    "metric_cards",
    "no_right_state",
    "page_header",
    "period_picker",
    "readings_table",
    "segmented",
    "sentence",
    "skeleton",
    "stale_note",
    "status_badge",
]
