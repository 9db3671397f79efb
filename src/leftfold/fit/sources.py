"""Where the rules come from. Each was read for what its rules say of it; what is only our judgement says so.

A page that is kept up to date has the year in which it was read.
"""

from __future__ import annotations

from typing import Final

from leftfold.fit.judgement import Source

_GUIDE: Final = "https://docs.aws.amazon.com/prescriptive-guidance/latest"
_DYNAMODB: Final = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide"

LIST: Final = (
    Source(
        "azure-es",
        "Microsoft",
        "Azure Architecture Center: Event Sourcing pattern",
        2026,
        "https://learn.microsoft.com/en-us/azure/architecture/patterns/event-sourcing",
    ),
    Source(
        "aws-es",
        "AWS",
        "Prescriptive Guidance: Event sourcing pattern",
        2026,
        f"{_GUIDE}/cloud-design-patterns/event-sourcing.html",
    ),
    Source(
        "aws-cqrs",
        "AWS",
        "Prescriptive Guidance: CQRS pattern",
        2026,
        f"{_GUIDE}/modernization-data-persistence/cqrs-pattern.html",
    ),
    Source(
        "young",
        "Greg Young, reported by Jan Stenberg",
        "A Whole System Based on Event Sourcing is an Anti-Pattern (InfoQ)",
        2016,
        "https://www.infoq.com/news/2016/04/event-sourcing-anti-pattern/",
    ),
    Source("fowler", "Martin Fowler", "CQRS", 2011, "https://martinfowler.com/bliki/CQRS.html"),
    Source(
        "dudycz",
        "Oskar Dudycz",
        "When not to use Event Sourcing?",
        2021,
        "https://event-driven.io/en/when_not_to_use_event_sourcing/",
    ),
    Source(
        "dudycz-audit",
        "Oskar Dudycz",
        "Is the audit log a proper architecture driver for Event Sourcing?",
        2023,
        "https://event-driven.io/en/audit_log_event_sourcing/",
    ),
    Source(
        "overeem",
        "Overeem, Spoor, Jansen, Brinkkemper",
        "An empirical characterization of event sourced systems (25 engineers, 19 systems), JSS 178",
        2021,
        "https://doi.org/10.1016/j.jss.2021.110970",
    ),
    Source(
        "aws-keys",
        "AWS",
        "DynamoDB: designing partition keys (1,000 write units a second on one partition)",
        2026,
        f"{_DYNAMODB}/bp-partition-key-design.html",
    ),
    Source(
        "aws-items",
        "AWS",
        "DynamoDB: constraints (400 KB an item)",
        2026,
        f"{_DYNAMODB}/Constraints.html",
    ),
    Source(
        "aws-regions",
        "AWS",
        "DynamoDB: how global tables work (concurrent writes of two regions, the last one wins)",
        2026,
        f"{_DYNAMODB}/V2globaltables_HowItWorks.html",
    ),
    Source("leftfold", "leftfold", "this project's judgement", 2026, "docs/explanation/should-you.md"),
)

SOURCES: Final[dict[str, Source]] = {source.id: source for source in LIST}
