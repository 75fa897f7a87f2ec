"""Traps of Mosquitto, paho, TimescaleDB and JSON that intake has to know, each with the tests that would fall into it."""

from __future__ import annotations

TRAPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "with `per_listener_settings true`, Mosquitto 2.0.12 to 2.0.22 queues nothing for a client that is away",
        (
            "tests/broker/test_configuration.py::test_a_line_that_newer_versions_complain_of_is_left_to_older_ones",
            "tests/broker/test_process.py::test_what_waits_for_the_ingester_survives_a_restart",
            "tests/faults/test_processes.py::test_messages_wait_at_the_broker_while_no_ingester_runs",
        ),
    ),
    (
        "at a reload Mosquitto 2.0 forgets what a client that is away may read, and from then on keeps nothing for it",
        ("tests/broker/test_away.py::test_a_reload_while_the_ingester_is_away_loses_nothing",),
    ),
    (
        "at a reload Mosquitto 2.0 notes the end of a session a second time, and later crashes over it or ends somebody else's",
        (
            "tests/broker/test_reloads.py::test_sessions_with_an_end_outlive_a_reload_and_nobody_is_disconnected",
            "tests/broker/test_reloads.py::test_the_crash_itself_is_survived",
        ),
    ),
    (
        "who resumes a TLS session shows no certificate, which may have been revoked since",
        ("tests/broker/test_reloads.py::test_a_revoked_gateway_does_not_get_in_by_resuming_its_tls_session",),
    ),
    (
        "a queue that overflows is silent: the gateway gets its acknowledgement, the message is gone",
        ("tests/ingest/test_subscriber.py::test_a_queue_that_overflows_is_said_by_a_metric_and_in_the_log",),
    ),
    (
        "without a receive maximum the broker sends 20 messages and waits; with one, 2.0.11 keeps to it only until the first acknowledgement",
        (
            "tests/ingest/test_subscriber.py::test_no_more_arrives_than_may_be_unacknowledged",
            "tests/ingest/test_subscriber.py::test_a_full_inbox_stops_the_reading_whatever_the_broker_thinks_of_the_window",
        ),
    ),
    (
        "with a million messages waiting the answer to SUBSCRIBE comes late and behind them: who waits for it first, waits for ever",
        (
            "tests/ingest/test_subscriber.py::test_what_waited_is_bounded_and_acknowledged_before_the_subscription_is_confirmed",
            "tests/faults/test_backlog.py::test_a_million_messages_wait_at_the_broker",
        ),
    ),
    (
        "a broker that was killed gives old packet numbers to new messages: a late acknowledgement would delete them",
        (
            "tests/ingest/test_subscriber.py::test_a_killed_brokers_old_packet_numbers_acknowledge_nothing_new",
            "tests/ingest/test_subscriber.py::test_an_acknowledgement_of_an_older_connection_goes_nowhere",
        ),
    ),
    (
        "an acknowledgement given while connecting again overtakes CONNECT, and the broker refuses",
        ("tests/ingest/test_subscriber.py::test_acknowledgements_while_it_reconnects_disturb_nothing",),
    ),
    (
        "a damaged revocation list lets revoked gateways in (2.0), or ends the broker (2.1)",
        ("tests/broker/test_process.py::test_a_damaged_list_does_not_let_revoked_gateways_in",),
    ),
    (
        "a revoked gateway that is connected stays connected",
        ("tests/certs/test_revocation.py::test_a_live_gateway_is_out_and_nobody_else",),
    ),
    (
        "a revocation list past its date locks everybody out",
        (
            "tests/broker/test_process.py::test_an_expired_list_is_renewed_at_the_start_where_the_key_is_here",
            "tests/broker/test_process.py::test_the_daily_renewal_runs_only_where_it_is_due",
        ),
    ),
    (
        "a broker that is killed loses what it acknowledged since its last snapshot",
        ("tests/faults/test_processes.py::test_a_broker_killed_loses_nothing_of_gateways_that_wait_for_confirmation",),
    ),
    (
        "on a full disk Mosquitto 2.1 closes twice the file that it could not write, and dies with what it acknowledged since its last snapshot; 2.0 goes on",
        ("tests/faults/test_disk.py::test_a_full_disk_for_everything_loses_and_doubles_nothing",),
    ),
    (
        "after its crash a broker sends again what was acknowledged, without the mark of a repetition",
        (
            "tests/faults/test_processes.py::test_a_broker_killed_loses_nothing_of_gateways_that_wait_for_confirmation",
            "tests/ingest/test_writer.py::test_it_stores_the_hundred_readings_of_the_small_fleet",
        ),
    ),
    (
        "what can be read is not on the disk yet: whoever acknowledges it then loses it when the server is killed",
        (
            "tests/ingest/test_writer.py::test_nobody_is_told_that_a_batch_is_stored_before_it_is_on_the_disk",
            "tests/faults/test_database.py::test_ten_kills_of_the_database_lose_and_double_nothing",
        ),
    ),
    (
        "a shared subscription feeds members that are away until their queues overflow: so there is one ingester, and one in wait",
        (
            "tests/ingest/test_service.py::test_a_second_ingester_of_the_same_client_id_stands_by_until_the_first_is_gone",
            "tests/faults/test_processes.py::test_a_standby_takes_over_when_the_first_is_killed",
        ),
    ),
    (
        "times all over the calendar in one batch: thousands of chunks, and a shared memory that runs out",
        (
            "tests/ingest/test_writer.py::test_readings_of_two_years_take_their_places",
            "tests/ingest/test_service.py::test_a_batch_too_large_for_the_database_is_stored_in_smaller_ones",
        ),
    ),
    (
        "one reading of 2099, and a rollup refreshed without an end shows nothing newer until then",
        (
            "tests/ingest/test_resolve.py::test_a_time_ten_minutes_ahead_is_taken_and_one_beyond_is_not",
            "tests/sql/test_shape.py::test_a_reading_of_2099_hides_nobody_elses",
        ),
    ),
    (
        "row-level security does not reach continuous aggregates",
        (
            "tests/sql/test_access.py::test_neither_login_gets_past_its_views",
            "tests/sql/test_access.py::test_a_leaky_operator_sees_no_row_of_another_account",
        ),
    ),
    (
        "one statement for each row is twenty times slower",
        ("tests/sql/test_shape.py::test_a_batch_is_written_by_as_many_statements_as_a_single_message",),
    ),
    (
        "a foreign key from readings to devices: dropping an old chunk locks the register",
        ("tests/sql/test_shape.py::test_no_foreign_key_leads_from_readings_or_the_ledger",),
    ),
    (
        "refreshing a rollup where retention has taken the readings erases it",
        (
            "tests/sql/test_retention.py::test_recomputing_leaves_closed_months_alone_however_often",
            "tests/sql/test_retention.py::test_the_nightly_round_takes_readings_of_more_than_two_years_ago",
        ),
    ),
    (
        "months of one zone made of days of another are accepted without a word",
        ("tests/sql/test_shape.py::test_a_month_is_made_of_days_of_its_own_zone",),
    ),
    (
        "`NaN`, `Infinity` and `1e999` are numbers to many a JSON library",
        ("tests/ingest/test_message.py::test_it_refuses_what_is_no_finite_number_below_1e15",),
    ),
    (
        "paho ends the connection at a property with U+FEFF, which Mosquitto lets through; the message comes again, for ever",
        ("tests/ingest/test_subscriber.py::test_properties_of_a_message_stop_nothing",),
    ),
    (
        "hundreds of confirmed numbers of thousands of digits are a packet for which the broker cuts the ingester off, for ever",
        (
            "tests/ingest/test_message.py::test_a_sequence_number_that_cannot_be_confirmed_refuses_its_message_and_is_not_confirmed",
            "tests/faults/test_hostile.py::test_numbers_too_long_to_be_confirmed_do_not_stop_it",
        ),
    ),
    (
        "a rejected part with its message's envelope around it: a long envelope a thousand times",
        (
            "tests/ingest/test_message.py::test_rejected_parts_are_not_many_times_as_long_as_their_message",
            "tests/faults/test_backlog.py::test_memory_is_bounded_whatever_the_messages_are",
        ),
    ),
    (
        "a gateway's buffer outlives its retirement: the next account would be shown what was measured at the one before",
        ("tests/ingest/test_service.py::test_what_was_taken_when_another_account_had_the_gateway_is_nobodys",),
    ),
    (
        "thousands of readings of one device within a glitch window, each compared with each: the ledger of all stands still for an hour",
        ("tests/sql/test_glitches.py::test_a_window_full_of_odd_readings_takes_little_more_than_its_length",),
    ),
    (
        "one late reading in a gap of years has 70,000 quarter-hours shared out anew, and a gateway may send one to each of its devices",
        ("tests/sql/test_gaps.py::test_late_readings_in_long_gaps_do_not_keep_the_others_waiting",),
    ),
)
