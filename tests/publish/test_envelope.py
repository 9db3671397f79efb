"""The envelope is CloudEvents 1.0 in JSON: what is written reads back, what is foreign is read, what is none is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, strategies as st

from leftfold import Rejected
from leftfold.publish import CloudEvent, read, write

AT = datetime(2026, 3, 4, 5, 6, 7, 890000, UTC)
OURS = CloudEvent(
    id="account/ann@3",
    source="bank/acme",
    type="AccountOpened",
    subject="account/ann",
    time=AT,
    datacontenttype="application/json",
    version=3,
    previous=1,
    position=7,
    correlationid="c-1",
    causationid="order/7@2",
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    data=b'{"owner":"Ann"}',
)
LEAST = {"specversion": "1.0", "id": "1", "source": "/elsewhere", "type": "com.example.thing"}

texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)
counts = st.none() | st.integers(0, 2**53 - 1)


def test_it_is_the_standards_form() -> None:
    assert json.loads(write(OURS)) == {
        "specversion": "1.0",
        "id": "account/ann@3",
        "source": "bank/acme",
        "type": "AccountOpened",
        "subject": "account/ann",
        "time": "2026-03-04T05:06:07.890000Z",
        "datacontenttype": "application/json",
        "version": 3,
        "previous": 1,
        "position": "7",
        "correlationid": "c-1",
        "causationid": "order/7@2",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "data": {"owner": "Ann"},
    }


def test_attribute_names_are_those_that_the_standard_allows() -> None:
    assert all(name.isascii() and name.isalnum() and name == name.lower() for name in json.loads(write(OURS)))


@given(
    st.builds(
        CloudEvent,
        id=texts,
        source=texts,
        type=texts,
        subject=st.none() | texts,
        time=st.none() | st.datetimes(timezones=st.just(UTC)),
        version=counts,
        previous=counts,
        position=counts,
        correlationid=st.none() | texts,
        causationid=st.none() | texts,
        traceparent=st.none() | texts,
        dataref=st.none() | texts,
        data=st.just(b"") | st.dictionaries(texts, st.integers() | texts).map(lambda value: json.dumps(value).encode()),
    )
)
def test_what_is_written_reads_back(event: CloudEvent) -> None:
    assert read(write(event)) == event
    assert read(write(event).decode()) == event


def test_what_somebody_has_parsed_already_is_read_as_well() -> None:
    assert read(json.loads(write(OURS))) == OURS


def test_a_foreign_event_needs_only_what_the_standard_asks_for() -> None:
    event = read(json.dumps({**LEAST, "comexampleextension": [1], "version": "v2", "position": None, "dataref": 7}))
    assert (event.id, event.source, event.type) == ("1", "/elsewhere", "com.example.thing")
    assert (event.version, event.previous, event.position, event.dataref, event.data) == (None, None, None, None, b"")


def test_binary_data_is_read() -> None:
    assert read({**LEAST, "data_base64": "AAH/"}).data == b"\x00\x01\xff"


@pytest.mark.parametrize("version", [0, 7, "7", "0"])
def test_counts_may_be_text(version: Any) -> None:
    assert read({**LEAST, "version": version}).version == int(version)


@pytest.mark.parametrize(
    ("envelope", "field"),
    [
        (b"", ""),
        (b"{", ""),
        (b"[]", ""),
        (b"null", ""),
        (b"\xff\xfe", ""),
        (b'{"specversion":"1.0"}', "id"),
        (b"[" * 100_000, ""),
        ({**LEAST, "specversion": "0.3"}, "specversion"),
        ({**LEAST, "id": 7}, "id"),
        ({**LEAST, "id": ""}, "id"),
        ({**LEAST, "source": ""}, "source"),
        ({**LEAST, "type": ""}, "type"),
        ({**LEAST, "type": None}, "type"),
        ({**LEAST, "time": "yesterday"}, "time"),
        ({**LEAST, "subject": {}}, "subject"),
        ({**LEAST, "data_base64": "!"}, ""),
    ],
)
def test_what_is_no_envelope_is_refused_with_the_field(envelope: Any, field: str) -> None:
    with pytest.raises(Rejected) as refused:
        read(envelope)
    assert refused.value.field == field


@pytest.mark.parametrize("version", [-1, True, 1.5, "-1", "1.0", "", "9" * 20, [3]])
def test_what_counts_nothing_is_not_taken_for_a_count(version: Any) -> None:
    assert read({**LEAST, "version": version}).version is None
