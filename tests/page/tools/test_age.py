"""When a sheet counts as old, and what day a build takes for today."""

from datetime import UTC, date, datetime

import pytest

from membound.page.tools.age import STALE_AFTER_DAYS, build_day, last_fresh_day, marked

TAKEN = date(2026, 1, 1)


def test_a_sheet_is_fresh_for_180_days_and_old_on_the_next():
    assert STALE_AFTER_DAYS == 180
    assert last_fresh_day(TAKEN) == date(2026, 6, 30)
    assert marked(TAKEN, date(2026, 6, 30)) == 'data-fresh-until="2026-06-30" hidden'
    assert marked(TAKEN, date(2026, 7, 1)) == 'data-fresh-until="2026-06-30"'


def test_the_day_of_a_build_is_that_of_source_date_epoch():
    assert build_day({"SOURCE_DATE_EPOCH": "0"}) == date(1970, 1, 1)
    assert build_day({"SOURCE_DATE_EPOCH": "1767225599"}) == date(2025, 12, 31)
    assert build_day({"SOURCE_DATE_EPOCH": "1767225600"}) == date(2026, 1, 1)


def test_without_it_the_day_of_a_build_is_today():
    assert abs(build_day({}) - datetime.now(UTC).date()).days <= 1


def test_an_epoch_that_is_no_number_is_refused():
    with pytest.raises(
        ValueError, match="SOURCE_DATE_EPOCH is whole seconds since 1970, not 'now'"
    ):
        build_day({"SOURCE_DATE_EPOCH": "now"})
