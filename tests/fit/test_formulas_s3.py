"""What S3 bills: storage by class with its minimums, requests, transitions, retrieval. Each case was computed by hand."""

import pytest

from leftfold.fit.costs import s3
from leftfold.fit.costs.prices import built_in
from tests.fit.by_hand import GIB, Case

KIB = 1024
CASES = (
    Case("a hundred objects of 1 GB", lambda p: s3.storage(100, GIB, p, ""), 100 * 0.023),
    Case("small objects as they are", lambda p: s3.storage(KIB * KIB, KIB, p, ""), 1 * 0.023),
    Case("none", lambda p: s3.storage(0, GIB, p, ""), 0.0),
    # 1,048,576 objects of 10 KB are billed as 128 KB each: 128 GB
    Case(
        "Standard-IA bills 128 KB at the least",
        lambda p: s3.storage(KIB * KIB, 10 * KIB, p, "", storage_class="ia"),
        128 * 0.0125,
    ),
    Case(
        "Standard-IA, exactly 128 KB",
        lambda p: s3.storage(KIB * KIB, 128 * KIB, p, "", storage_class="ia"),
        128 * 0.0125,
    ),
    Case("Standard-IA, 129 KB", lambda p: s3.storage(KIB * KIB, 129 * KIB, p, "", storage_class="ia"), 129 * 0.0125),
    Case(
        "Glacier Instant bills 128 KB at the least",
        lambda p: s3.storage(KIB * KIB, 10 * KIB, p, "", storage_class="instant"),
        128 * 0.004,
    ),
    # AWS's calculator, 100 GB in objects of 10 KB: 0.099 for them, 0.3168 for 32 KB and 1.84 for 8 KB beside each
    Case(
        "Glacier Deep Archive adds 40 KB to each",
        lambda p: s3.storage(10 * KIB * KIB, 10 * KIB, p, "", storage_class="deep"),
        0.099 + 0.3168 + 1.84,
    ),
    Case("ten thousand puts", lambda p: s3.puts(10_000, p, ""), 10 * 0.005),
    Case("ten thousand gets", lambda p: s3.gets(10_000, p, ""), 10 * 0.0004),
    Case("gets from Standard-IA", lambda p: s3.gets(10_000, p, "", storage_class="ia"), 10 * 0.001),
    Case("gets from Glacier Instant", lambda p: s3.gets(10_000, p, "", storage_class="instant"), 10 * 0.01),
    Case("into Standard-IA", lambda p: s3.transitions(10_000, p, "", to="ia"), 10 * 0.01),
    Case("into Glacier Instant", lambda p: s3.transitions(10_000, p, "", to="instant"), 10 * 0.02),
    Case("into Glacier Deep Archive", lambda p: s3.transitions(10_000, p, "", to="deep"), 10 * 0.05),
    Case("100 GB out of Standard-IA", lambda p: s3.retrieval(5, 100 * GIB, p, "", storage_class="ia"), 100 * 0.01),
    Case(
        "100 GB out of Glacier Instant",
        lambda p: s3.retrieval(5, 100 * GIB, p, "", storage_class="instant"),
        100 * 0.03,
    ),
    Case(
        "100 GB in 2,000 objects out of Deep Archive",
        lambda p: s3.retrieval(2000, 100 * GIB, p, "", storage_class="deep"),
        100 * 0.02 + 2 * 0.10,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_s3_bills(case: Case) -> None:
    assert case.billed(built_in()) == pytest.approx(case.usd, rel=1e-9)


def test_what_is_deleted_early_is_billed_on() -> None:
    assert [s3.billed_days(10, one) for one in ("standard", "ia", "instant", "deep")] == [10, 30, 90, 180]
    assert [s3.billed_days(200, one) for one in ("standard", "ia", "instant", "deep")] == [200, 200, 200, 200]
