"""A YAML file as text with lines: what is taken, and what is refused before it costs anything."""

import pytest
from hypothesis import given, strategies as st

from leftfold.core.errors import ConfigError
from leftfold.fit.yamlplaces import MAX_DEPTH, MAX_FILE_BYTES, Entry, Faults, Listing, Mapping, Scalar, document, near


def refused(text: str | bytes) -> str:
    with pytest.raises(ConfigError) as caught:
        document(text, "f.yaml")
    return str(caught.value)


def test_everything_has_its_line() -> None:
    root = document("a: 1\n\nb:\n  - x # not this\n  - 'y'\nc: {d: null}\n", "f.yaml")
    assert root == Mapping(
        (
            Entry("a", Scalar("1", 1), 1),
            Entry("b", Listing((Scalar("x", 4), Scalar("y", 5, quoted=True)), 4), 3),
            Entry("c", Mapping((Entry("d", Scalar("null", 6), 6),), 6), 6),
        ),
        1,
    )
    assert root.get("a") == Scalar("1", 1)
    assert root.get("z") is None


@pytest.mark.parametrize(
    ("text", "is_null"),
    [("a:", True), ("a: ~", True), ("a: null", True), ('a: ""', False), ("a: 'null'", False), ("a: 0", False)],
)
def test_nothing_is_nothing_unless_it_is_quoted(text: str, is_null: bool) -> None:
    found = document(text, "f.yaml").get("a")
    assert isinstance(found, Scalar)
    assert found.is_null == is_null


def test_an_empty_file_is_an_empty_mapping() -> None:
    assert document("# nothing yet\n", "f.yaml").entries == ()


def test_a_key_that_comes_again_is_told_with_both_lines() -> None:
    again = document("a: 1\nb: 2\na: 3\na: 4\n", "f.yaml").repeated()
    assert [(first.line, later.line) for first, later in again] == [(1, 3), (1, 4)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- 1\n", "f.yaml:1: the file is no mapping"),
        ("\n\nword\n", "f.yaml:3: the file is no mapping"),
        ("a: 1\nb: {c\n", "f.yaml:3: no YAML: "),
        ("a:\n\tb: 1", "f.yaml:2: no YAML: "),
        ("a: 1\nb: \x01", "f.yaml:2: no YAML: the character '\\x01' may not be in a file; take it out"),
        ("a: &x 1\nb: *x", "f.yaml:2: an alias ('x')"),
        ("a: 1\nb: !!python/object:os.system 1", "f.yaml:2: a tag ('tag:yaml.org,2002:python/object:os.syste...')"),
        ("a: 1\n---\nb: 1", "f.yaml:2: a second document"),
        ("a: 1\n? [b]\n: 2\n", "f.yaml:2: a key is a list or a mapping"),
        (b"a: 1\n\nb: \xff", "f.yaml:3: the file is not UTF-8"),
        ("a: " + "[" * MAX_DEPTH, "f.yaml:1: nested deeper than 8 levels"),
        ("[" * 100_000, "f.yaml:1: nested deeper than 8 levels"),
        ("a: " + "x" * MAX_FILE_BYTES, "f.yaml:1: the file has over 262,144 bytes; no file of this form has."),
    ],
    ids=lambda one: repr(one[:20]),
)
def test_what_is_refused_is_said_with_its_line(text: str | bytes, said: str) -> None:
    assert refused(text).startswith(said)


def test_the_deepest_that_is_taken_is_taken() -> None:
    depth = MAX_DEPTH - 1  # the mapping around it is one too
    assert document("a: " + "[" * depth + "]" * depth, "f.yaml").get("a") is not None


@given(st.text(max_size=60) | st.binary(max_size=60))
def test_any_file_is_a_mapping_or_a_clear_refusal(text: str | bytes) -> None:
    said = "f.yaml:"
    try:
        document(text, "f.yaml")
    except ConfigError as error:
        said = str(error)
    assert said.startswith("f.yaml:")


def test_faults_come_in_the_order_of_lines_and_one_to_a_line() -> None:
    faults = Faults("f.yaml")
    faults.check()
    faults.add(7, "b", "wrong", "mend it")
    faults.add(2, "a\nforged", "wrong", "mend it")
    with pytest.raises(ConfigError) as caught:
        faults.check()
    assert str(caught.value).splitlines() == [r"f.yaml:2: 'a\nforged': wrong; mend it", "f.yaml:7: b: wrong; mend it"]


def test_a_word_that_is_nearly_known_is_suggested() -> None:
    assert near("stremas", ["streams", "queries"], otherwise="no") == "did you mean 'streams'?"
    assert near("zzz", ["streams"], otherwise="there is streams") == "there is streams"
