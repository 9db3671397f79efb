"""What is asked of one bounded context: the one table from which the file, the flags, the interview and the docs are drawn.

The order is that in which they matter: what can decide by itself first, what only sets the costs last.
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from leftfold.fit.answers import Answers
from leftfold.fit.conditions import Any, AtLeast, Condition, Not, Yes

Kind = Literal["name", "yes", "choice", "several", "number"]
Group = Literal["The context", "The domain", "The reads", "The law", "The team", "The load", "The limits"]


class Choice(Struct, frozen=True):
    value: str
    means: str


class Question(Struct, frozen=True, kw_only=True):
    """One answer that is wanted. `low` and `high` bound a number, both included; `unit` says of what, in words.

    `unless` is what makes the question pointless: it is then not asked, and counts as unknown.
    """

    key: str
    group: Group
    kind: Kind
    ask: str  # understood in three seconds
    help: str  # what is meant, with an example
    unit: str = ""
    low: float = 0.0
    high: float = 0.0
    whole: bool = False
    example: str = ""
    choices: tuple[Choice, ...] = ()
    unless: Condition | None = None

    @property
    def flag(self) -> str:
        return "--" + self.key.replace("_", "-")

    @property
    def values(self) -> tuple[str, ...]:
        return tuple(choice.value for choice in self.choices)

    def pointless(self, answers: Answers) -> bool:
        return self.unless is not None and self.unless.holds(answers) is True


def _yes(group: Group, key: str, ask: str, help: str, unless: Condition | None = None) -> Question:
    return Question(key=key, group=group, kind="yes", ask=ask, help=help, example="yes", unless=unless)


def _number(
    group: Group,
    key: str,
    ask: str,
    help: str,
    *,
    unit: str,
    example: str,
    low: float = 0.0,
    high: float = 1e9,
    whole: bool = False,
    unless: Condition | None = None,
) -> Question:
    return Question(
        key=key,
        group=group,
        kind="number",
        ask=ask,
        help=help,
        unit=unit,
        example=example,
        low=low,
        high=high,
        whole=whole,
        unless=unless,
    )


CONTEXT: Final[tuple[Question, ...]] = (
    Question(
        key="context",
        group="The context",
        kind="name",
        ask="What do you call this part of the system?",
        help="One part with one job and its own words, such as orders, stock or billing. The reports use the name.",
        example="orders",
    ),
    _yes(
        "The context",
        "whole_system",
        "Are your answers about a whole system rather than one part?",
        "Advice holds for one part at a time: of a shop, orders may be worth it, and the catalogue not.",
    ),
    _yes(
        "The context",
        "observed_not_decided",
        "Does it only record observations, such as sensor readings or clicks?",
        "An observation is a fact that nobody decides on and nothing can refuse. An order can be refused, a reading can't.",
    ),
    _yes(
        "The context",
        "workflow_only",
        "Is all you need a job of several steps, with retries?",
        "It goes on by itself after waits and failures, and undoes what can't go on. Nobody will ask for its history.",
    ),
    _yes(
        "The context",
        "short_lived",
        "Will it be thrown away within a year?",
        "A prototype, a campaign, a one-off migration.",
    ),
    _yes(
        "The context",
        "static_reference_data",
        "Is it mostly lookup data, such as countries or tax codes?",
        "Data that is read often, changes rarely, and whose changes nobody decides on here.",
    ),
)

DOMAIN: Final[tuple[Question, ...]] = (
    _yes(
        "The domain",
        "history_is_business_data",
        "Do people ask how things stood on a past date, and why?",
        "Not for debugging: as part of the business. What was the balance on 31 March? Who changed the price, and why?",
    ),
    _yes(
        "The domain",
        "process_rich",
        "Do experts talk of what happens: order placed, claim rejected, seat released?",
        "And rules say what may follow what. If experts talk of forms and fields instead, the answer is no.",
    ),
    _yes(
        "The domain",
        "crud_verbs",
        "Do users only create, edit and delete records?",
        "The verbs are save and delete, not place, approve, ship or refund.",
    ),
    _yes(
        "The domain",
        "provable_audit",
        "Must an outsider be able to prove that nothing was altered?",
        "An auditor or a court that does not have to trust you. A log for your own use is a no.",
    ),
    _yes(
        "The domain",
        "corrections_by_reversal",
        "Are mistakes corrected by a counter-entry, as in bookkeeping?",
        "The wrong entry stays, and a second one takes it back. If somebody edits the wrong one, the answer is no.",
    ),
    Question(
        key="subdomain",
        group="The domain",
        kind="choice",
        ask="How much does it set you apart from competitors?",
        help="core: customers come for it. supporting: needed, but nobody comes for it. generic: one could buy it.",
        example="core",
        choices=(
            Choice("core", "customers come for it"),
            Choice("supporting", "needed, but nobody comes for it"),
            Choice("generic", "one could buy it"),
        ),
    ),
    _yes(
        "The domain",
        "concurrent_writers",
        "Do several people or programs often change the same thing at once?",
        "Two buyers and the last seat, two tellers and one account.",
    ),
    _yes(
        "The domain",
        "unstable_model",
        "Do you still change every month what is recorded?",
        "Stored events stay for good. While nobody knows yet what they should say, each guess is kept too.",
    ),
)

READS: Final[tuple[Question, ...]] = (
    _number(
        "The reads",
        "read_models",
        "In how many different forms is the data read: lists, searches, totals?",
        "A list of open orders, a search, a total a month: three. What reads the records as they are written is one.",
        unit="forms",
        example="4",
        high=1_000,
        whole=True,
    ),
    _number(
        "The reads",
        "downstream_consumers",
        "How many other services or teams must hear of changes?",
        "Billing, shipping and the warehouse: three.",
        unit="services or teams",
        example="5",
        high=1_000,
        whole=True,
    ),
    _yes(
        "The reads",
        "new_questions_on_old_data",
        "Will new questions be asked of old data?",
        "How many carts were emptied before they were paid? A table that keeps only the newest state can't say.",
    ),
    _yes(
        "The reads",
        "needs_immediate_reads",
        "Must every list show a change at once?",
        "To everybody, not only to whoever made the change: that one can always wait for it.",
    ),
    _yes(
        "The reads",
        "ad_hoc_sql_reporting",
        "Do people write their own SQL against its tables?",
        "Analysts with a database client, or a reporting tool on the tables themselves.",
    ),
    _yes(
        "The reads",
        "bulk_updates",
        "Are thousands of records often changed by one statement?",
        "Raise all prices by 3 percent: one UPDATE in a table; where events are stored, a change for each product.",
    ),
)

LAW: Final[tuple[Question, ...]] = (
    _yes(
        "The law",
        "erasure_required",
        "Must personal data be erased on request?",
        "As the GDPR's right to erasure asks.",
    ),
    _yes(
        "The law",
        "crypto_shredding_ok",
        "Would destroying the encryption key count as erasing it?",
        "Each person's data is encrypted with a key of its own; without it nobody reads it. Ask your legal department.",
        unless=Not(Yes("erasure_required")),
    ),
    Question(
        key="regulation",
        group="The law",
        kind="several",
        ask="Which regulations apply?",
        help="Several are separated by commas; none where none does.",
        example="[sox, gdpr]",
        choices=(
            Choice("sox", "Sarbanes-Oxley: accounts of listed companies"),
            Choice("hipaa", "health data, United States"),
            Choice("sec17a4", "SEC rule 17a-4: records of broker-dealers"),
            Choice("gdpr", "personal data, European Union"),
            Choice("pci", "PCI DSS: payment cards"),
            Choice("other", "any other"),
        ),
    ),
)

TEAM: Final[tuple[Question, ...]] = (
    Question(
        key="team_experience",
        group="The team",
        kind="choice",
        ask="How much event sourcing has the team done?",
        help="Storing what happened, not only the newest state. some: one or two have. strong: most have, in production.",
        example="some",
        choices=(
            Choice("none", "nobody"),
            Choice("some", "one or two have run it"),
            Choice("strong", "most have, in production"),
        ),
    ),
    _number(
        "The team",
        "team_size",
        "How many developers look after it?",
        "Those who would be called at night.",
        unit="people",
        example="5",
        low=1,
        high=10_000,
        whole=True,
    ),
)

LOAD: Final[tuple[Question, ...]] = (
    _number(
        "The load",
        "commands_per_s",
        "How many changes are asked for a second, on average?",
        "Requests that change something. 1.7 million a day are 20 a second; 1,000 a day are 0.0116.",
        unit="per second, averaged over a month",
        example="20",
    ),
    _number(
        "The load",
        "events_per_command",
        "How many facts does one change record?",
        "Paying an order may record OrderPaid and PointsEarned: 2. If one change in ten is refused: 0.9.",
        unit="facts for each change",
        example="1.5",
        high=10_000,
    ),
    _number(
        "The load",
        "event_bytes",
        "How many bytes is one fact, as JSON?",
        "A few fields are 200 to 500 bytes.",
        unit="bytes",
        example="500",
        low=1,
        high=1_000_000_000,
    ),
    _number(
        "The load",
        "queries_per_s",
        "How many reads a second, on average?",
        "Requests that only look: pages, lists, searches. Often 4 times the changes.",
        unit="per second, averaged over a month",
        example="80",
    ),
    _number(
        "The load",
        "streams",
        "How many things are there: orders, accounts, devices?",
        "Each with a history of its own, over the whole time that they are kept.",
        unit="things",
        example="1_000_000",
        high=1e13,
    ),
    _number(
        "The load",
        "retention_years",
        "For how many years is it kept?",
        "18 months are 1.5.",
        unit="years",
        example="7",
        high=1_000,
    ),
)

LIMITS: Final[tuple[Question, ...]] = (
    _number(
        "The limits",
        "per_stream_writes_s",
        "How many changes a second hit the busiest single thing?",
        "At the peak, not on average: the one product on sale, the one account of a market.",
        unit="per second, at the peak",
        example="1",
        unless=Not(Any((Yes("concurrent_writers"), AtLeast("commands_per_s", 100)))),
    ),
    _number(
        "The limits",
        "max_event_kb",
        "How many kilobytes is the largest fact?",
        "A scanned form may be 2,000. 1 is 1,000 bytes.",
        unit="kilobytes (1,000 bytes)",
        example="2",
        high=1e9,
    ),
    _yes(
        "The limits",
        "multi_region_writers",
        "Do several AWS regions change the same thing?",
        "Writing to one region and reading in others is a no.",
    ),
    _number(
        "The limits",
        "latency_budget_ms",
        "Within how many milliseconds must a change be answered?",
        "For 99 of 100 requests.",
        unit="milliseconds",
        example="200",
        high=1e9,
    ),
    _number(
        "The limits",
        "budget_usd_month",
        "How many US dollars a month may AWS cost?",
        "For this part alone.",
        unit="US dollars a month",
        example="3000",
        high=1e12,
    ),
)

QUESTIONS: Final[tuple[Question, ...]] = (*CONTEXT, *DOMAIN, *READS, *LAW, *TEAM, *LOAD, *LIMITS)
BY_KEY: Final = {question.key: question for question in QUESTIONS}
