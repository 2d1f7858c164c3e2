"""Moments of a metric per group, in one pass of SQL.

Mean, variance and covariance come from the engine's updating formulas (`var_samp`, `covar_samp`);
raw sums of squares cancel when the mean is large against the spread. Each aggregate takes the
subjects in order, so that the same rows give the same digits whatever the order of files and
threads.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from allotment.analysis.experiment import Experiment
from allotment.analysis.metrics import RatioMetric
from allotment.lake.query import fetch, identifier

OWN = "experiment"
ANY = "instruments"


@dataclass(frozen=True, slots=True)
class Moments:
    """Two sums per subject, over the subjects of one group.

    `subjects` counts everybody seen in the group, also without an event of the metric. Variances
    and the covariance (n - 1 in the denominator) are None below two subjects.
    """

    subjects: int = 0
    numerator_sum: int = 0
    denominator_sum: int = 0
    numerator_mean: float = 0.0
    denominator_mean: float = 0.0
    numerator_variance: float | None = None
    denominator_variance: float | None = None
    covariance: float | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """Moments by group in the experiment's order, and who was left out."""

    groups: dict[str, Moments]
    mixed_subjects: int
    """Subjects seen in more than one group; they belong to none and are left out."""
    counted: str
    """Whose events the sums count: `OWN`, or `ANY` where there is no own event to count."""


_SQL = """
WITH seen AS (
    SELECT experiments.subject_ids[$experiment] AS subject,
           experiments.assigned[$experiment] AS "group",
           CASE WHEN $any OR instrument_name IS NULL OR instrument_name = $experiment
                THEN action END AS action,
           meta.id AS id
    FROM {table}
    WHERE meta.stream = $stream
      AND experiments.coordinators[$experiment] = 'default'
      AND list_contains($groups, experiments.assigned[$experiment])
      AND experiments.subject_ids[$experiment] IS NOT NULL
      AND ($start IS NULL OR meta.dt >= $start::TIMESTAMPTZ)
      AND ($end IS NULL OR meta.dt <= $end::TIMESTAMPTZ)
),
subjects AS (
    SELECT subject,
           min("group") AS "group",
           count(DISTINCT "group") > 1 AS mixed,
           count(DISTINCT id) FILTER (WHERE action = $numerator) AS x,
           count(DISTINCT id) FILTER (WHERE action = $denominator) AS y
    FROM seen
    GROUP BY subject
)
SELECT CASE WHEN mixed THEN NULL ELSE "group" END,
       count(*),
       sum(x)::BIGINT,
       sum(y)::BIGINT,
       avg(x ORDER BY subject),
       avg(y ORDER BY subject),
       var_samp(x ORDER BY subject),
       var_samp(y ORDER BY subject),
       covar_samp(x, y ORDER BY subject)
FROM subjects
GROUP BY 1
"""


def measure(
    connection: duckdb.DuckDBPyConnection, experiment: Experiment, metric: RatioMetric
) -> Measured:
    """The moments of a metric in each group of an experiment.

    Counted are events of the experiment's stream, between its start and end, of subjects that the
    law has put into one of its groups: forced groups (overrides) and rehearsals have another
    coordinator and are no evidence. An event that was sent twice (one `meta.id`) counts once.

    Every event carries all memberships of its subject, so whose views and clicks are meant must be
    settled: those sent for the experiment itself (its name, or none, in `instrument_name`). Only
    where no such view is found are those of instruments counted, all of them.
    """
    if not _exists(connection, experiment.table):
        return Measured({group: Moments() for group in experiment.groups}, 0, OWN)
    own = _measure(connection, experiment, metric, OWN)
    if any(group.denominator_sum for group in own.groups.values()):
        return own
    others = _measure(connection, experiment, metric, ANY)
    return others if any(g.denominator_sum for g in others.groups.values()) else own


def _measure(
    connection: duckdb.DuckDBPyConnection,
    experiment: Experiment,
    metric: RatioMetric,
    counted: str,
) -> Measured:
    # The table's name is quoted; everything else is a parameter.
    sql = _SQL.format(table=identifier(experiment.table))
    answer = fetch(
        connection,
        sql,
        {
            "experiment": experiment.name,
            "groups": list(experiment.groups),
            "stream": experiment.stream,
            "start": experiment.start.isoformat() if experiment.start else None,
            "end": experiment.until.isoformat() if experiment.until else None,
            "numerator": metric.numerator_action,
            "denominator": metric.denominator_action,
            "any": counted == ANY,
        },
    )
    found = {row[0]: Moments(*row[1:]) for row in answer.rows}
    mixed = found.pop(None, Moments()).subjects
    empty = {group: Moments() for group in experiment.groups}
    return Measured({**empty, **found}, mixed, counted)


def _exists(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    namespace, _, name = table.partition(".")
    answer = fetch(
        connection,
        "SELECT 1 FROM duckdb_views() WHERE schema_name = ? AND view_name = ?",
        [namespace, name],
    )
    return bool(answer.rows)
