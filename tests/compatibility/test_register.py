"""Which shapes of the original system are kept, and the test that holds each: one place to look.

A shape is what a client of the original reads from us or sends to us.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HELD = {
    "experiments, instruments and streams of the public API, word for word": (
        "tests/registry/test_contract.py",
        "test_body__every_shape__as_the_golden_file_says",
    ),
    "what the extension for wikis reads of them": (
        "tests/compatibility/test_original_readers.py",
        "test_extension_of_wikis__each_item__has_what_it_reads",
    ),
    "what a content delivery network reads of them": (
        "tests/compatibility/test_original_readers.py",
        "test_content_delivery_network__its_contract__is_kept_to_the_letter",
    ),
    "what the generic client reads of streams": (
        "tests/compatibility/test_original_readers.py",
        "test_generic_client__each_stream__has_what_it_reads",
    ),
    "constraints of stream configurations": (
        "tests/registry/test_stream_query.py",
        "test_matches__constraints__as_published",
    ),
    "page variable wgTestKitchenUserExperiments": (
        "clients/js/tests/mediawiki.test.ts",
        "of wgTestKitchenUserExperiments is completed",
    ),
    "page variable wgMetricsPlatformUserExperiments": (
        "clients/js/tests/mediawiki.test.ts",
        "of wgMetricsPlatformUserExperiments loses who is not enrolled",
    ),
    "empty maps that PHP writes as lists": (
        "clients/js/tests/mediawiki.test.ts",
        "of PHP, whose empty maps are lists, is empty",
    ),
    "groups by Server-Timing": (
        "clients/js/tests/serverTiming.test.ts",
        "join those of the page, and win over them",
    ),
    "X-Experiment-Enrollments, read by the intake": (
        "tests/intake/test_enrollments.py",
        "test_batch__bad_records_among_good_ones__cost_only_their_own_event",
    ),
    "X-Experiment-Enrollments, read alike in every language": (
        "clients/js/tests/enrollments.test.ts",
        "is read as in all vectors",
    ),
    "X-Experiment-Enrollments and Server-Timing, written in PHP": (
        "clients/php/tests/EventsTest.php",
        "testEdge_headersOfAnAnswer_readBackAsTheMembership",
    ),
    "X-Experiment-Enrollments and Server-Timing, written in Node": (
        "clients/js/tests/enrollments.test.ts",
        "is written so that it reads the same",
    ),
    "mpo in the browser": (
        "clients/js/tests/mediawiki.test.ts",
        "is forced by the address",
    ),
    "mpo in Python": (
        "tests/sdk/test_web.py",
        "test_overrides_in__query__as_written",
    ),
    "mpo in PHP": (
        "tests/clients/test_php_page.py",
        "test_php_page__override_and_edge__choose_the_group",
    ),
    "groups of the same ids as the original gave": (
        "tests/sdk/test_enrollment.py",
        "test_enroll__published_vectors__user_2",
    ),
    "events of every original client": (
        "tests/compatibility/test_original_senders.py",
        "test_events__as_an_original_client_sends_them__are_stored",
    ),
    "the record of one experiment, filled by the edge's header": (
        "tests/intake/test_enrollments.py",
        "test_one_experiment__name_and_group_match__id_of_the_edge",
    ),
    "the record of one experiment, analyzed": (
        "tests/compatibility/test_original_senders.py",
        "test_events_of_one_experiment__from_the_intake_to_the_lake__are_analyzed",
    ),
    "answers 201, 202, 207 and 400 of the intake": (
        "tests/intake/test_app.py",
        "test_batch__mixed__207_lists_the_bad_and_keeps_the_good",
    ),
}


@pytest.mark.parametrize("shape", HELD)
def test_shape__of_the_original__is_held_by_a_test(shape: str) -> None:
    path, name = HELD[shape]
    found = (ROOT / path).read_text()
    assert re.search(rf"(?:def|function) {name}\(|it\(\"{re.escape(name)}", found)
