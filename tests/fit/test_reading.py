"""A questionnaire's file: what it says, and every mistake in it with its line."""

import pytest
from hypothesis import given, strategies as st

from leftfold.core.errors import ConfigError
from leftfold.fit.answers import Answers
from leftfold.fit.questions import BY_KEY, QUESTIONS
from leftfold.fit.reading import read
from leftfold.fit.writing import changed, write
from leftfold.fit.yamlplaces import MAX_FILE_BYTES
from tests.fit.drawn import ANSWERS, value


def faults(text: str | bytes) -> list[str]:
    """What the file is told, one line a fault."""
    with pytest.raises(ConfigError) as caught:
        read(text, "fit.yaml")
    return str(caught.value).splitlines()


def said(text: str | bytes) -> Answers | list[str]:
    """The answers, or the faults."""
    try:
        return read(text, "fit.yaml").answers
    except ConfigError as error:
        return str(error).splitlines()


def answer(line: str) -> object:
    return read(line, "fit.yaml").answers.value(line.partition(":")[0])


def test_a_file_gives_answers_with_their_lines() -> None:
    found = read("context: orders\n\n# how many?\nstreams: 1_000\nregulation: [gdpr, sox]\n", "fit.yaml")
    assert found.answers == Answers(context="orders", streams=1000.0, regulation=("gdpr", "sox"))
    assert found.places == {"context": 1, "streams": 4, "regulation": 5}
    assert found.assume == {}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("crud_verbs: yes", True),
        ("crud_verbs: True", True),
        ('crud_verbs: "yes"', True),
        ("crud_verbs: Y", True),
        ("crud_verbs: n", False),
        ("crud_verbs: no", False),
        ("crud_verbs: FALSE", False),
        ("crud_verbs: unknown", None),
        ("crud_verbs: Unknown", None),
        ("crud_verbs: null", None),
        ("crud_verbs: ~", None),
        ("crud_verbs:", None),
        ("streams: 1_000_000", 1e6),
        ("streams: 1e6", 1e6),
        ("streams: 010", 10.0),
        ("streams: +7.", 7.0),
        ("queries_per_s: .5", 0.5),
        ("queries_per_s: 7e-7", 7e-7),
        ("queries_per_s: '20'", 20.0),
        ("subdomain: Core", "core"),
        ("regulation: []", ()),
        ("regulation: none", ()),
        ("regulation: gdpr", ("gdpr",)),
        ("regulation: sox, gdpr, sox", ("sox", "gdpr")),
        ("context: no", "no"),
        ("context: 2026-01-01", "2026-01-01"),
        ('context: "unknown"', "unknown"),
        ("context: unknown", "this context"),
    ],
)
def test_what_is_written_is_what_is_meant(line: str, expected: object) -> None:
    assert answer(line) == expected


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("crud_verb: yes", "crud_verb: no such key; did you mean 'crud_verbs'?"),
        ("commands-per-s: 3", "commands-per-s: no such key; did you mean 'commands_per_s'?"),
        ("xyzzy: 3", "xyzzy: no such key; `leftfold fit init` writes a file with every key"),
        ("crud_verbs: maybe", "crud_verbs: 'maybe' is neither yes nor no; write yes, no or unknown"),
        ("crud_verbs: 1", "crud_verbs: '1' is neither yes nor no; write yes, no or unknown"),
        (
            "commands_per_s: 20/s",
            "commands_per_s: '20/s' has a unit; write the number alone (per second, averaged over a month)",
        ),
        ("event_bytes: 5 KB", "event_bytes: '5 KB' has a unit; write the number alone (bytes)"),
        ("retention_years: 2 years", "retention_years: '2 years' has a unit; write the number alone (years)"),
        (
            "budget_usd_month: $300",
            "budget_usd_month: '$300' has a unit; write the number alone (US dollars a month)",
        ),
        ("event_bytes: many", "event_bytes: 'many' is no number; write the number alone (bytes)"),
        ("event_bytes: yes", "event_bytes: 'yes' is no number; write the number alone (bytes)"),
        ("streams: 1,000,000", "streams: '1,000,000' is in groups; write 1_000_000"),
        (
            "queries_per_s: -1",
            "queries_per_s: '-1' is negative; write 0 or more (per second, averaged over a month)",
        ),
        ("streams: .nan", "streams: '.nan' can't be counted with; write the number alone (things)"),
        ("streams: -.Inf", "streams: '-.Inf' can't be counted with; write the number alone (things)"),
        ("team_size: 0", "team_size: '0' is out of range; write 1 to 10_000 (people)"),
        ("team_size: 2.5", "team_size: '2.5' is not whole; write a whole number (people)"),
        ("retention_years: 1e999", "retention_years: '1e999' is out of range; write 0 to 1_000 (years)"),
        ("streams: 1 000", "streams: '1 000' is in groups; write 1_000"),
        ("streams: 1.000.000", "streams: '1.000.000' is in groups; write 1_000_000"),
        ("streams: 1'234'567", "streams: \"1'234'567\" is in groups; write 1_234_567"),
        ("streams: 1.234,5", "streams: '1.234,5' is in groups; write 1_234.5"),
        ("streams: 1,5", "streams: '1,5' has a decimal comma; write 1.5"),
        ("streams: 50%", "streams: '50%' has a unit; write the number alone (things)"),
        ("streams: 2k", "streams: '2k' has a unit; write the number alone (things)"),
        ("streams: 0x10", "streams: '0x10' is no number; write the number alone (things)"),
        ("streams: 2026-01-01", "streams: '2026-01-01' is no number; write the number alone (things)"),
        ("streams: 5-10", "streams: '5-10' is no number; write the number alone (things)"),
        ("streams: \u0663", "streams: '\u0663' is no number; write the number alone (things)"),
        ("streams: -0", "streams: '-0' is negative; write 0 or more (things)"),
        ("streams: 1e400", "streams: '1e400' is out of range; write 0 to 10_000_000_000_000 (things)"),
        ("subdomain: cor", "subdomain: 'cor' is no choice; did you mean 'core'?"),
        ("subdomain: main", "subdomain: 'main' is no choice; write core, supporting, generic or unknown"),
        ("regulation: [sox, gpdr]", "regulation: 'gpdr' is no choice; did you mean 'gdpr'?"),
        ("regulation: [[sox]]", "regulation: a list in a list; write the words alone, as [sox, gdpr]"),
        ("regulation: {sox: yes}", "regulation: a mapping; write a list"),
        ("crud_verbs: [yes]", "crud_verbs: a list; write one answer"),
        ("streams: {count: 3}", "streams: a mapping; write one answer"),
        ('context: ""', "context: an empty name; write a name, or unknown"),
        (r'context: "a\nb"', "context: not a name; write one line of at most 80 characters"),
        ('"a\\nb": 3', r"'a\nb': no such key; `leftfold fit init` writes a file with every key"),
        ('assume: {"x\\e[1m": 3}', r"'assume.x\x1b[1m': no such assumption; a report as JSON names them: `assumed`"),
        ("assume: {peak: 0}", "assume.peak: '0' is out of range; write 1 to 1_000_000_000_000_000 (times)"),
        ("assume: {peak: [3]}", "assume.peak: not a number; write one number"),
        ("assume: {peak: 3, peak: 4}", "assume.peak: set in line 2 too; keep one of them"),
        ("assume: 3", "assume: no mapping; write `name: number` in lines of their own below it"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_to_do(line: str, fault: str) -> None:
    assert faults(f"# a comment\n{line}\n") == [f"fit.yaml:2: {fault}"]


def test_every_mistake_of_a_file_is_told_at_once_in_its_order() -> None:
    text = "streams: -1\ncrud_verbs: no\nteam_size: five\ncrud_verbs: maybe\n"
    assert [line.split(": ")[:2] for line in faults(text)] == [
        ["fit.yaml:1", "streams"],
        ["fit.yaml:3", "team_size"],
        ["fit.yaml:4", "crud_verbs"],
        ["fit.yaml:4", "crud_verbs"],
    ]


def test_a_key_twice_is_told_with_both_lines() -> None:
    assert faults("streams: 1\n\nstreams: 1\n") == ["fit.yaml:3: streams: answered in line 1 too; keep one of them"]


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("", 1, "no answer"),
        ("# streams: 3\n", 1, "no answer"),
        ("- streams\n", 1, "no mapping"),
        ("streams\n", 1, "no mapping"),
        ("streams: 3\n---\nstreams: 4\n", 2, "second document"),
        ("streams: 3\n\tcrud_verbs: no\n", 2, "write blanks in place of the tab"),
        ("streams: 3\ncontext: a\x07\n", 2, "the character '\\x07' may not be in a file; take it out"),
        ("context: 'orders\n", 2, "no YAML"),
        ("streams: {\n", 2, "no YAML"),
        ("streams: &many 3\nqueries_per_s: *many\n", 2, "alias"),
        ("streams: !!int 3\n", 1, "tag"),
        ("crud_verbs: no\nstreams: >5\n", 2, "a text after > that is empty"),
        ('context: no\nstreams: "\\U00110000"\n', 1, "no YAML"),
        ('context: no\nstreams: "\\Uffffffff"\n', 1, "no YAML"),
        ("? [a]\n: 3\n", 1, "key"),
        (b"streams: 3\ncontext: caf\xe9\n", 2, "not UTF-8"),
        (b"\xff\xfes\x00t\x00", 1, "not UTF-8"),
        ("streams: " + "[" * 100, 1, "nested"),
        ("#" * MAX_FILE_BYTES + "\n", 1, "over 262,144 bytes"),
    ],
)
def test_what_is_no_questionnaire_is_told_in_one_line(text: str | bytes, place: int, what: str) -> None:
    (line,) = faults(text)
    assert line.startswith(f"fit.yaml:{place}: ")
    assert what in line


def test_a_long_wrong_answer_is_cut() -> None:
    (line,) = faults(f"streams: {'9x' * 5000}\n")
    assert len(line) < 150


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm() -> None:
    assert read(b"\xef\xbb\xbfstreams: 3\r\ncrud_verbs: no\r\n", "f").answers == Answers(streams=3, crud_verbs=False)


@given(
    st.text()
    | st.lists(st.sampled_from([*BY_KEY, ": ", "\n", "- ", "[", "}", "'", "3", "#", "no", "assume"])).map("".join)
)
def test_any_text_reads_or_is_refused_with_a_line(text: str) -> None:
    told = said(text)
    assert isinstance(told, Answers) or all(line.startswith("fit.yaml:") for line in told)


@given(st.binary())
def test_any_bytes_read_or_are_refused(data: bytes) -> None:
    told = said(data)
    assert isinstance(told, Answers) or told[0].startswith("fit.yaml:")


@given(ANSWERS)
def test_what_is_written_reads_back_equal(answers: Answers) -> None:
    assert read(write(answers), "fit.yaml").answers == answers


@given(ANSWERS, st.sampled_from(QUESTIONS).flatmap(lambda one: st.tuples(st.just(one.key), st.none() | value(one))))
def test_one_answer_is_changed_in_its_place(answers: Answers, change: tuple[str, object]) -> None:
    key, new = change
    before = write(answers)
    after = changed(before, key, new, "fit.yaml")  # type: ignore[arg-type]  # drawn by the question
    found = read(after, "fit.yaml").answers
    assert found.value(key) == (new if new is not None else getattr(Answers(), key))
    assert all(found.value(other) == answers.value(other) for other in BY_KEY if other != key)
    assert len(set(before.splitlines()) ^ set(after.splitlines())) <= 2


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("# mine\nstreams: 3  # about\ncrud_verbs: no\n", "# mine\nstreams: 4  # about\ncrud_verbs: no\n"),
        ("crud_verbs: no", "crud_verbs: no\nstreams: 4\n"),
        ("streams:\ncrud_verbs: no\n", "streams: 4\ncrud_verbs: no\n"),
        ("streams: 3\r\ncrud_verbs: no\r\n", "streams: 4\r\ncrud_verbs: no\r\n"),
        ("streams:  # whose?\n", "streams: 4  # whose?\n"),
        ('streams: "3"  # "about"\n', 'streams: 4  # "about"\n'),
        ("  streams: 3 # a\n  # mine\n", "  streams: 4 # a\n  # mine\n"),
        ("  # mine\n  crud_verbs: no\n", "  # mine\n  crud_verbs: no\n  streams: 4\n"),
        ("\ufeffstreams : ~\n", "streams: 4\n"),
        ("crud_verbs: no\nassume: {peak: 3}\n", "crud_verbs: no\nassume: {peak: 3}\nstreams: 4\n"),
    ],
)
def test_what_else_a_file_says_stays(before: str, after: str) -> None:
    assert changed(before, "streams", 4.0, "fit.yaml") == after


def test_a_name_in_quotes_leaves_nothing_behind() -> None:
    assert changed('context: "a #1"  # ours\n', "context", "b #2", "fit.yaml") == 'context: "b #2"  # ours\n'
    assert changed("context: 'it''s # it'\n", "context", None, "fit.yaml") == "context: unknown\n"


@pytest.mark.parametrize(
    "before", ["{streams: 3, crud_verbs: no}  # x\n", "crud_verbs: no # x\n...\n", "crud_verbs:\n  no # x"]
)
def test_a_file_of_another_form_keeps_its_answers_and_its_comments(before: str) -> None:
    after = changed(before, "streams", 4.0, "fit.yaml")
    assert read(after, "fit.yaml").answers == Answers(streams=4.0, crud_verbs=False)
    assert "# x" in after
    assert read(changed(after, "team_size", 5.0, "fit.yaml"), "fit.yaml").answers.team_size == 5
