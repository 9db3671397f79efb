"""append_all where one of many streams is in trouble: nothing is under way when that is told, and the rest is written."""

from leftfold import App, ConfigError
from leftfold.adapters.dynamodb import open_dynamodb
from leftfold.core.commits import Commit, Framed
from tests.testbed.aws import Aws
from tests.testbed.calls import Call
from tests.testbed.faults import ACCESS_DENIED, Faults

STREAMS = [f"thing/{n}" for n in range(40)]


def commit(stream: str) -> Commit:
    return Commit(stream, {stream: 0}, (Framed("Done", ((stream, 1),), b'[1,"",[["x",1]],"Done"]'),))


def is_for(stream: str, call: Call) -> bool:
    item = call.parameters.get("Item", {})
    return bool(item.get("p", {}).get("S", "").endswith(f"|{stream}"))


def test_the_trouble_of_one_stream_is_told_when_all_others_are_written_and_known(aws: Aws) -> None:
    faults = Faults().rate(1.0, ACCESS_DENIED, on=("PutItem",), where=lambda call: is_for("thing/3", call))
    clients = {"client": aws.client("dynamodb", faults), "streams": aws.client("dynamodbstreams")}
    with App("things").open(open_dynamodb("things", prefix=aws.prefix, create=True, **clients)) as session:
        mark = aws.calls.mark()
        try:
            session.backend.store.append_all([commit(stream) for stream in STREAMS])
        except ConfigError:
            told = len(aws.calls.since(mark).of("PutItem"))
        assert told == len(STREAMS)
        assert aws.calls.since(mark).of("PutItem").write_units == len(STREAMS) - 1
        others = {stream: 1 for stream in STREAMS if stream != "thing/3"}
        assert session.backend.log.place({}) == len(others)  # each of them is one that this process knows of
        assert {stream: last.version for stream in STREAMS if (last := session.backend.store.last(stream))} == others
