"""Names: what every store can hold is let in, everything else is refused with the field and the limit."""

from typing import Any

import pytest
from hypothesis import given, strategies as st

from leftfold import BadKey, StreamId, stream
from leftfold.core.streams import KEY_BYTES, check_category, check_key, check_tenant, parse_stream


@pytest.mark.parametrize(
    "key", ["ann", "a/b/../c", "../../etc/passwd", "a b", "é", "🏦" * 256, "x" * KEY_BYTES, "'; DROP", "@#?%"]
)
def test_any_printable_key_up_to_its_limit_is_a_key(key: str) -> None:
    assert stream("account", key) == StreamId("account", key)
    assert parse_stream(str(stream("account", key))) == StreamId("account", key)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("", "empty"),
        ("a\0b", r"U\+0000 at 1"),
        ("a\n", r"U\+000A at 1"),
        ("\x7f", r"U\+007F"),
        ("\x85", r"U\+0085"),
        ("ok\ud800", r"U\+D800 at 2"),
        ("x" * (KEY_BYTES + 1), "1024 bytes"),
        ("é" * 513, "1024 bytes"),
        ("🏦" * 257, "1024 bytes"),
        (7, "must be a str, not int"),
        (None, "must be a str"),
        (b"ann", "must be a str, not bytes"),
    ],
    ids=str,
)
def test_a_hostile_key_is_refused_by_name(key: Any, why: str) -> None:
    with pytest.raises(BadKey, match=why) as refused:
        check_key(key, "row key")
    assert refused.value.field == "row key"
    assert str(refused.value).startswith("row key")


@given(st.text(max_size=1100))
def test_a_key_is_refused_exactly_when_it_is_empty_too_long_or_has_a_control_character(key: str) -> None:
    bad = not key or len(key.encode(errors="surrogatepass")) > KEY_BYTES
    bad = bad or any(c < " " or "\x7f" <= c <= "\x9f" or "\ud800" <= c <= "\udfff" for c in key)
    if bad:
        with pytest.raises(BadKey):
            check_key(key)
    else:
        check_key(key)
        assert parse_stream(f"account/{key}").key == key


@pytest.mark.parametrize("category", ["a", "Account", "bank.account-v2_x", "a" * 64])
def test_plain_names_are_categories(category: str) -> None:
    check_category(category)


@pytest.mark.parametrize("category", ["", "1a", "a/b", "a b", "é", "a" * 65, "a\n", "_a", "*"])
def test_other_names_are_no_categories(category: str) -> None:
    with pytest.raises(BadKey) as refused:
        check_category(category)
    assert refused.value.field == "category"


@pytest.mark.parametrize("tenant", ["acme", "a-1", "1", "a" * 63])
def test_dns_labels_are_tenants(tenant: str) -> None:
    check_tenant(tenant)


@pytest.mark.parametrize("tenant", ["", "Acme", "-a", "a.b", "../x", "a/b", "a_b", "a" * 64, "a\n", "\ud800"])
def test_other_names_are_no_tenants(tenant: str) -> None:
    with pytest.raises(BadKey) as refused:
        check_tenant(tenant)
    assert refused.value.field == "tenant"
