from leftfold.core.commits import Commit
from leftfold.core.errors import Conflict
from leftfold.testing.contracts.base import framed
from tests.dynamodb_reliability.conftest import *
from tests.testbed.faults import *
import pytest

def mk(stream, expected, slots, cid):
    return Commit(stream, expected, tuple(framed(s) for s in slots), cid)

def test_a(opener):
    opener.backend()
    P, Q = opener.backend(), opener.backend()
    P.store.append(mk("a/one", {"a/one": 0}, [("a/one", 1)], None))
    assert len(Q.store.read("a/one")) == 1
    P.store.append(mk("a/one", {"a/one": 1, "a/other": 0}, [("a/other", 1)], "x"))
    assert len(Q.store.read("a/other")) == 1
    Q.store.append(mk("a/one", {"a/one": 1}, [("a/one", 2)], "y"))
    with pytest.raises(Conflict):
        Q.store.append(mk("a/one", {"a/one": 2, "a/other": 1}, [("a/other", 2)], "x"))
    assert Q.store.find("x", "a/one", forever=False) is not None

def test_b(opener):
    """the first item busy in another transaction, the second one's own"""
    opener.backend()
    faults = Faults()
    P = opener.backend(faults)
    import tests.testbed.weather as w
    from leftfold.adapters.dynamodb.calls import Cancelled, Calls
    orig = Calls.call
    state = []
    def call(self, op, **p):
        if op != "transact_write_items": return orig(self, op, **p)
        orig(self, op, **p)
        p["ClientRequestToken"] = "other"
        try: return orig(self, op, **p)
        except Cancelled as c:
            state.append(c.reasons)
            raise Cancelled([(False, None), *c.reasons[1:]])
    import unittest.mock as m
    with m.patch.object(Calls, "call", call):
        P.store.append(mk("a/one", {"a/one": 0, "a/other": 0}, [("a/one", 1), ("a/other", 1)], "x"))
