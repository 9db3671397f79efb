"""What Lambda, Step Functions, API Gateway, KMS and CloudWatch bill. Each case was computed by hand."""

import pytest

from leftfold.fit.costs import api, cloudwatch, keys, lambdas, states
from leftfold.fit.costs.prices import built_in
from tests.fit.by_hand import GIB, MILLION, Case

CASES = (
    # AWS's own example (News Blog, 1 ms billing): 60 million of 28 ms with 1 GB cost 12 and 28 dollars on x86
    Case(
        "sixty million of 28 ms on x86",
        lambda p: lambdas.invocations(60 * MILLION, 28, 1024, p, "", architecture="x86_64"),
        60 * 0.20 + 60 * MILLION * 0.028 * 0.0000166667,
    ),
    Case(
        "27.01 ms are billed as 28",
        lambda p: lambdas.invocations(60 * MILLION, 27.01, 1024, p, "", architecture="x86_64"),
        60 * 0.20 + 60 * MILLION * 0.028 * 0.0000166667,
    ),
    Case(
        "half a GB on arm64",
        lambda p: lambdas.invocations(MILLION, 100, 512, p, ""),
        0.20 + MILLION * 0.1 * 0.5 * 0.0000133334,
    ),
    Case("no time at all is 1 ms", lambda p: lambdas.invocations(MILLION, 0, 1024, p, ""), 0.20 + 1000 * 0.0000133334),
    Case("no calls cost nothing", lambda p: lambdas.invocations(0, 100, 1024, p, ""), 0.0),
    Case("200,000 workflows of five transitions", lambda p: states.standard(200_000, 5, p, ""), 25.0),
    # AWS's own example (Step Functions pricing): 100 million of 10 s in 64 MB are 17,361.11 GB-hours
    Case(
        "a hundred million Express workflows",
        lambda p: states.express(100 * MILLION, 10_000, p, "", memory_mb=62.85),
        100.00 + 1000 * 0.06 + 4000 * 0.03 + (100 * MILLION * 10 / 16 / 3600 - 5000) * 0.01642,
    ),
    # 3.6 million seconds of 1 GB
    Case(
        "Express, the first tier to its end",
        lambda p: states.express(3_600_000, 1000, p, "", memory_mb=1024),
        3.60 + 1000 * 0.06,
    ),
    Case(
        "Express, into the second tier",
        lambda p: states.express(7_200_000, 1000, p, "", memory_mb=1024),
        7.20 + 1000 * 0.06 + 1000 * 0.03,
    ),
    Case(
        "Express, 100 ms and 64 MB exactly",
        lambda p: states.express(MILLION, 100, p, "", memory_mb=64),
        1.00 + MILLION * 0.1 / 16 / 3600 * 0.06,
    ),
    Case(
        "Express, a little over of both",
        lambda p: states.express(MILLION, 101, p, "", memory_mb=64.1),
        1.00 + MILLION * 0.2 / 8 / 3600 * 0.06,
    ),
    Case("Express, none", lambda p: states.express(0, 100, p, ""), 0.0),
    Case("a million requests", lambda p: api.http(MILLION, p, ""), 1.00),
    Case("a million requests of 512 KB", lambda p: api.http(MILLION, p, "", payload_bytes=524_288), 1.00),
    Case("one byte over counts twice", lambda p: api.http(MILLION, p, "", payload_bytes=524_289), 2 * 1.00),
    Case("two keys, fifty thousand calls", lambda p: keys.keys(2, 50_000, p, ""), 2 * 1.00 + 5 * 0.03),
    Case("10 GB of logs, 4 of them kept", lambda p: cloudwatch.logs(10 * GIB, 4 * GIB, p, ""), 10 * 0.50 + 4 * 0.03),
    Case("seven metrics", lambda p: cloudwatch.metrics(7, p, ""), 7 * 0.30),
    Case("forty alarms", lambda p: cloudwatch.alarms(40, p, ""), 40 * 0.10),
    Case("a dashboard", lambda p: cloudwatch.dashboards(1, p, ""), 3.00),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_functions_and_what_watches_them_bill(case: Case) -> None:
    assert case.billed(built_in()) == pytest.approx(case.usd, rel=1e-9)


def test_a_tier_that_is_not_reached_has_no_line() -> None:
    lines = states.express(1, 100, built_in(), "")
    assert [line.price for line in lines] == ["states.express_request", "states.express_gb_h"]
