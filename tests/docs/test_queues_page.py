"""The page of the queues says of each what its executor says."""

from __future__ import annotations

import queues_page


def test_the_tables_are_those_of_the_code():
    """`python tests/support/queues_page.py` would change nothing on the page."""
    assert queues_page.written() == queues_page.tables()


def test_what_a_queue_cannot_do_has_a_reason():
    """Each executor of this repository says why for each capability that it does not have."""
    assert queues_page.missing_reasons() == []
    assert len(list(queues_page.executors())) >= 5
