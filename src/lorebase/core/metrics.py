"""The figures every process counts; /metrics shows them."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

MODEL_SECONDS = Histogram(
    "lorebase_model_seconds", "Latency of calls to models.", ("operation", "model"), buckets=_SECONDS
)
MODEL_TOKENS = Counter("lorebase_model_tokens", "Tokens given to and made by models.", ("kind", "model"))
SEARCH_SECONDS = Histogram(
    "lorebase_search_seconds", "Latency of searches, by leg and in all.", ("leg",), buckets=_SECONDS
)
JOBS_ENDED = Counter("lorebase_jobs_ended", "Ends of attempts at jobs.", ("kind", "outcome"))
HITS_DROPPED = Counter(
    "lorebase_search_hits_dropped", "Candidates that PostgreSQL refused: deleted, stale or not matching."
)
DRIFT_LOST = Counter(
    "lorebase_reconcile_lost", "What was found missing or stuck when the stores were compared.", ("kind",)
)
DRIFT_ORPHANED = Counter(
    "lorebase_reconcile_orphaned",
    "What was found that nothing needs when the stores were compared.",
    ("kind",),
)
DRIFT_REPAIRED = Counter(
    "lorebase_reconcile_repaired", "Findings that were mended, or given to a job to mend.", ("kind",)
)
ROWS_RETIRED = Counter("lorebase_rows_retired", "Old rows removed, by what they were.", ("what",))
