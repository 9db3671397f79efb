"""What PostgreSQL costs: the smallest instance that is enough, or capacity units. Each case was computed by hand."""

import pytest

from leftfold.fit.costs.prices import built_in
from leftfold.fit.costs.relational import INSTANCES, Instance, acus, aurora, instance, rds
from tests.fit.by_hand import GIB, MILLION, Case

LEAST = 20 * 0.23  # gp3 begins at 20 GB
CASES = (
    Case("the smallest", lambda p: rds(0, 0, 0, p, ""), 730 * 0.032 + LEAST),
    # the design's "about 47 a month" is the instance: 730 x 0.065 = 47.45
    Case("t4g.small", lambda p: rds(0.4, 2, 0, p, ""), 47.45 + LEAST),
    Case("a little more memory", lambda p: rds(0.4, 2.1, 0, p, ""), 730 * 0.13 + LEAST),
    Case("a little more processor", lambda p: rds(0.41, 2, 0, p, ""), 730 * 0.258 + LEAST),
    Case("m7g.large", lambda p: rds(2, 8, 0, p, ""), 730 * 0.337 + LEAST),
    Case("m7g.xlarge", lambda p: rds(2.1, 8, 0, p, ""), 730 * 0.674 + LEAST),
    Case("m7g.2xlarge", lambda p: rds(8, 8, 0, p, ""), 730 * 1.348 + LEAST),
    Case("m7g.4xlarge", lambda p: rds(1, 64, 0, p, ""), 730 * 2.696 + LEAST),
    Case("m7g.8xlarge", lambda p: rds(32, 1, 0, p, ""), 730 * 5.392 + LEAST),
    Case("m7g.16xlarge", lambda p: rds(64, 256, 0, p, ""), 730 * 10.784 + LEAST),
    Case("two where one is not enough", lambda p: rds(65, 1, 0, p, ""), 2 * 730 * 10.784 + 2 * LEAST),
    Case("100 GB of storage", lambda p: rds(0, 0, 100 * GIB, p, ""), 730 * 0.032 + 100 * 0.23),
    # of 250 GB of backups as much as the storage is free
    Case(
        "backups beyond the storage",
        lambda p: rds(0, 0, 100 * GIB, p, "", backup_bytes=250 * GIB),
        730 * 0.032 + 23.0 + 150 * 0.095,
    ),
    Case("backups within it", lambda p: rds(0, 0, 100 * GIB, p, "", backup_bytes=100 * GIB), 730 * 0.032 + 23.0),
    # two ACUs all month, 10 GB, five million I/O
    Case("Aurora", lambda p: aurora(2, 10 * GIB, 5 * MILLION, p, ""), 2 * 730 * 0.12 + 10 * 0.10 + 5 * 0.20),
    # 2.2 GB are 1.1 ACUs: one and a half
    Case("Aurora, for 2.2 GB of memory", lambda p: aurora(acus(0, 2.2), 0, 0, p, ""), 1.5 * 730 * 0.12),
    Case("an idle Aurora", lambda p: aurora(acus(0, 0), 0, 0, p, ""), 0.5 * 730 * 0.12),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_relational_database_bills(case: Case) -> None:
    assert case.billed(built_in()) == pytest.approx(case.usd, rel=1e-9)


def test_capacity_units_come_in_halves() -> None:
    assert acus(0, 2) == 1.0  # an ACU has 2 GB
    assert acus(0, 2.1) == 1.5
    assert acus(1, 0) == 4.0  # and a quarter of a processor
    assert acus(0, 0, least=2) == 2.0


def test_instances_stand_from_the_cheapest_up() -> None:
    listed = [built_in()[one.price].usd for one in INSTANCES]
    assert listed == sorted(listed)
    assert {one.price for one in INSTANCES} == {
        name for name in built_in().listed if name.startswith("rds.") and name not in ("rds.gp3_gb", "rds.backup_gb")
    }


@pytest.mark.parametrize("one", INSTANCES, ids=lambda one: one.name)
def test_what_an_instance_gives_it_is_enough_for(one: Instance) -> None:
    assert instance(one.processors, one.memory_gb) == (one, 1)


def test_instances_have_the_processors_and_the_memory_that_aws_says() -> None:
    found = {one.name: (one.processors, one.memory_gb) for one in INSTANCES}
    small = {"t4g.micro": (0.2, 1), "t4g.small": (0.4, 2), "t4g.medium": (0.4, 4), "t4g.large": (0.6, 8)}
    sizes = {"large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16, "8xlarge": 32, "16xlarge": 64}
    assert found == small | {f"m7g.{name}": (processors, 4 * processors) for name, processors in sizes.items()}
