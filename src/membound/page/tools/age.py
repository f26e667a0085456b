"""How long a copied command may be trusted: `STALE_AFTER_DAYS` from the day it was taken.

A page says so twice: the build marks what is old on its own day, and a line of script does the same
on the reader's, for a site that nobody has built since.
"""

import os
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

STALE_AFTER_DAYS = 180


def last_fresh_day(taken: date) -> date:
    """The last day on which something taken on `taken` counts as fresh."""
    return taken + timedelta(days=STALE_AFTER_DAYS)


def build_day(environment: Mapping[str, str] = os.environ) -> date:
    """The day of this build: that of `SOURCE_DATE_EPOCH` where it is set, else today (UTC)."""
    epoch = environment.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        return datetime.now(UTC).date()
    if not epoch.isdigit():
        raise ValueError(f"SOURCE_DATE_EPOCH is whole seconds since 1970, not {epoch!r}")
    return datetime.fromtimestamp(int(epoch), UTC).date()


def marked(taken: date, today: date) -> str:
    """The attributes of an element that is to be seen only once `taken` is too long ago."""
    last = last_fresh_day(taken)
    return f'data-fresh-until="{last}"' + ("" if today > last else " hidden")
