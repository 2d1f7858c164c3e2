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


_SQL = """
WITH seen AS (
    SELECT experiments.subject_ids[$experiment] AS subject,
           experiments.assigned[$experiment] AS "group",
           CASE WHEN instrument_name IS NULL THEN action END AS action,
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
    Events of an instrument show that a subject was there, but its views and clicks belong to the
    instrument: they are of another element, and would be mixed with those of the experiment.
    """
    empty = {group: Moments() for group in experiment.groups}
    if not _exists(connection, experiment.table):
        return Measured(empty, 0)
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
            "end": experiment.end.isoformat() if experiment.end else None,
            "numerator": metric.numerator_action,
            "denominator": metric.denominator_action,
        },
    )
    found = {row[0]: Moments(*row[1:]) for row in answer.rows}
    mixed = found.pop(None, Moments()).subjects
    return Measured({**empty, **found}, mixed)


def _exists(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    namespace, _, name = table.partition(".")
    answer = fetch(
        connection,
        "SELECT 1 FROM duckdb_views() WHERE schema_name = ? AND view_name = ?",
        [namespace, name],
    )
    return bool(answer.rows)
