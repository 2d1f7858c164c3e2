"""Who was in an experiment on the last day, as far as its own pseudonyms tell.

A subject's id on an event is the very hash that the law of allocation draws by, so its first 24
bits say where the subject would fall under any other rates and weights. Nobody can be told apart by
them in another experiment. Where a site keys its ids they say nothing: the group that a subject was
in shows that.
"""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from allotment.analysis.experiment import Experiment
from allotment.lake.query import QueryError, connect, fetch, identifier

MOST = 1_000_000
"""Where more subjects were seen, none are given: a part of them would be no count."""
SECONDS = 3.0
_KEPT_SECONDS = 300
Drawn = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class LastDay:
    """The first 24 bits of each subject's id, by the site and by the group that it was seen in."""

    drawn: Drawn
    assigned: Drawn


_SQL = """
SELECT coalesce(mediawiki.database, '') AS site,
       experiments.subject_ids[$experiment] AS subject,
       min(coalesce(experiments.assigned[$experiment], '')) AS assigned
FROM {table}
WHERE meta.stream = $stream
  AND meta.dt >= $since::TIMESTAMPTZ
  AND experiments.coordinators[$experiment] = 'default'
  AND regexp_full_match(experiments.subject_ids[$experiment], '[0-9a-f]{{64}}')
GROUP BY ALL
LIMIT $most
"""


def of_last_day(lake_dir: Path, experiment: Experiment, now: datetime) -> LastDay | None:
    """Each subject that was seen in the 24 hours before now.

    None where nobody was, where the experiment has no table yet, or where it took longer than
    `SECONDS`. An answer is kept for five minutes.
    """
    asked = int(now.timestamp() // _KEPT_SECONDS) * _KEPT_SECONDS
    since = datetime.fromtimestamp(asked, UTC) - timedelta(days=1)
    return _found(lake_dir, experiment.name, experiment.stream, experiment.table, since)


@lru_cache(maxsize=64)
def _found(lake_dir: Path, name: str, stream: str, table: str, since: datetime) -> LastDay | None:
    try:
        connection = connect(lake_dir, only=(table,))
    except QueryError:
        return None
    with closing(connection):
        clock = threading.Timer(SECONDS, connection.interrupt)
        clock.start()
        try:
            answer = fetch(
                connection,
                _SQL.format(table=identifier(table)),
                {
                    "experiment": name,
                    "stream": stream,
                    "since": since.isoformat(),
                    "most": MOST + 1,
                },
            )
        except Exception as error:
            if type(error).__module__.partition(".")[0] not in {"duckdb", "_duckdb"}:
                raise
            return None
        finally:
            clock.cancel()
    if not 0 < len(answer.rows) <= MOST:
        return None
    by_site: dict[str, list[int]] = {}
    by_group: dict[str, list[int]] = {}
    for site, subject, group in answer.rows:
        drawn = int(subject[:6], 16)
        by_site.setdefault(site, []).append(drawn)
        by_group.setdefault(group, []).append(drawn)
    return LastDay(_frozen(by_site), _frozen(by_group))


def _frozen(drawn: dict[str, list[int]]) -> Drawn:
    return {name: tuple(found) for name, found in drawn.items()}
