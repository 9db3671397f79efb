"""The answers about one bounded context. None is an answer too: nobody knows, and it is never taken for a no."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

Subdomain = Literal["core", "supporting", "generic"]
Experience = Literal["none", "some", "strong"]
Regulation = Literal["sox", "hipaa", "sec17a4", "gdpr", "pci", "other"]
Value = bool | float | str | tuple[str, ...]


class Answers(Struct, frozen=True, kw_only=True):
    """What `questions.py` asks, by the same keys as in the file. Rates are averages over a month."""

    context: str = "this context"
    whole_system: bool | None = None
    subdomain: Subdomain | None = None
    history_is_business_data: bool | None = None
    provable_audit: bool | None = None
    process_rich: bool | None = None
    crud_verbs: bool | None = None
    corrections_by_reversal: bool | None = None
    read_models: float | None = None
    downstream_consumers: float | None = None
    new_questions_on_old_data: bool | None = None
    concurrent_writers: bool | None = None
    needs_immediate_reads: bool | None = None
    static_reference_data: bool | None = None
    ad_hoc_sql_reporting: bool | None = None
    bulk_updates: bool | None = None
    unstable_model: bool | None = None
    short_lived: bool | None = None
    observed_not_decided: bool | None = None
    workflow_only: bool | None = None
    erasure_required: bool | None = None
    crypto_shredding_ok: bool | None = None
    team_experience: Experience | None = None
    team_size: float | None = None
    commands_per_s: float | None = None
    events_per_command: float | None = None
    event_bytes: float | None = None
    per_stream_writes_s: float | None = None
    queries_per_s: float | None = None
    streams: float | None = None
    retention_years: float | None = None
    max_event_kb: float | None = None
    latency_budget_ms: float | None = None
    budget_usd_month: float | None = None
    multi_region_writers: bool | None = None
    regulation: tuple[Regulation, ...] | None = None

    def value(self, key: str) -> Value | None:
        """The answer by its key in the file. Raises AttributeError for a key that is none."""
        found: Value | None = getattr(self, key)
        return found


KEYS: Final = tuple(key for key in Answers.__struct_fields__ if key != "context")
