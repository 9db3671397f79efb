"""Each function's role against what that function asked of AWS when it was deployed: enough, and no more."""

from collections.abc import Callable

import pytest

from tests.deployed.deployment import ACCOUNT, REGION
from tests.deployed.proof import Proof
from tests.grants.asking import LEADING
from tests.grants.judge import Grant, Role, asked, asked_by_lambda, grants, needed, refused, roles_of, without
from tests.grants.policy import Request, allows
from tests.grants.seldom import SELDOM

Figure = Callable[[str, object], None]


@pytest.fixture(scope="module")
def roles(proof: Proof) -> dict[str, Role]:
    return roles_of(proof.roles)


@pytest.fixture(scope="module")
def seen(proof: Proof) -> dict[str, set[Request]]:
    """What functions asked, as the wire has it."""
    return asked(proof.seen, ACCOUNT, proof.waiting)


@pytest.fixture(scope="module")
def requests(proof: Proof, seen: dict[str, set[Request]]) -> dict[str, set[Request]]:
    """With what Lambda itself asks for them."""
    logs = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/"
    return {
        name: seen.get(name, set()) | {*asked_by_lambda(f"{logs}{name}", proof.mappings[name], proof.calls[name])}
        for name in proof.roles
    }


def test_every_call_is_allowed_by_the_role_of_its_function(
    proof: Proof, roles: dict[str, Role], requests: dict[str, set[Request]], record_property: Figure
) -> None:
    assert refused(roles, requests) == []
    kinds = {request.action for some in requests.values() for request in some}
    count = sum(map(len, requests.values()))
    record_property(
        "figure", f"grants: {len(proof.seen):,} calls, {count} requests of {len(kinds)} actions, 0 beyond their roles"
    )


def seldom_of(grant: Grant, proof: Proof) -> bool:
    kind = proof.kinds[grant.function].partition("-")[0]
    return any(kind in one.kinds and (grant.sid, grant.action) in one.grants for one in SELDOM)


def test_every_action_of_every_role_is_needed(
    proof: Proof, roles: dict[str, Role], requests: dict[str, set[Request]], record_property: Figure
) -> None:
    """By some app's function of the kind, or for a reason that is written down, with a test of its own."""
    every = list(grants(roles))
    kept = {(proof.kinds[one.function], one.sid, one.action) for one in every if needed(one, roles, requests)}
    unused = [one for one in every if (proof.kinds[one.function], one.sid, one.action) not in kept]
    assert [str(one) for one in unused if not seldom_of(one, proof)] == []
    record_property(
        "figure", f"grants: {len(every)} actions in {len(roles)} roles, {len(unused)} of them for what seldom happens"
    )


def test_no_reason_is_given_for_what_no_role_has(proof: Proof, roles: dict[str, Role]) -> None:
    found = {(proof.kinds[one.function].partition("-")[0], one.sid, one.action) for one in grants(roles)}
    named = [(kind, *grant) for one in SELDOM for kind in one.kinds for grant in one.grants]
    assert [one for one in named if one not in found] == []


def test_no_statement_as_a_whole_is_unused(
    roles: dict[str, Role], requests: dict[str, set[Request]], proof: Proof
) -> None:
    used = {
        (proof.kinds[name], statement.sid)
        for name, role in roles.items()
        for statement in role
        if any(statement.matches(request) for request in requests[name])
    }
    named = {(kind, sid) for one in SELDOM for kind in one.kinds for sid, _ in one.grants}
    every = {(proof.kinds[name], statement.sid) for name, role in roles.items() for statement in role}
    assert every - used - named == set()


# teeth


def test_an_action_that_a_role_lacks_is_found(
    proof: Proof, roles: dict[str, Role], requests: dict[str, set[Request]], record_property: Figure
) -> None:
    """Each that was needed is left out, one at a time: the judge names the function and the action."""
    dropped = 0
    for grant in grants(roles):
        if needed(grant, roles, requests):
            less = {**roles, grant.function: without(roles[grant.function], grant)}
            said = refused(less, requests)
            assert any(f"{grant.function} may not {grant.action} on" in one for one in said), grant
            dropped += 1
    functions = {name for name, role in roles.items() if role}
    assert dropped > len(functions)
    record_property("figure", f"grants: {dropped} roles with one needed action less, every one caught")


def test_an_action_that_nobody_needs_is_found(
    proof: Proof, roles: dict[str, Role], requests: dict[str, set[Request]]
) -> None:
    for name, role in roles.items():
        first = role[0]
        wider = type(first)(first.sid, first.effect, (*first.actions, "dynamodb:DeleteTable"), ("*",), {})
        grant = Grant(name, first.sid, "dynamodb:DeleteTable")
        assert not needed(grant, {**roles, name: [wider, *role[1:]]}, requests)
        assert not seldom_of(grant, proof)


def of_another_tenant(request: Request) -> Request:
    keys = tuple(f"zoo|{key.partition('|')[2]}" for key in dict(request.context)[LEADING])
    return Request(request.action, request.resource, ((LEADING, keys),))


def test_no_role_reaches_another_tenants_rows(roles: dict[str, Role], seen: dict[str, set[Request]]) -> None:
    """Every call that was made with keys, made with another tenant's, alone or beside one's own, or with none."""
    tried = 0
    for name, some in seen.items():
        for request in (one for one in some if LEADING in dict(one.context)):
            other = of_another_tenant(request)
            both = (*dict(request.context)[LEADING], *dict(other.context)[LEADING])
            assert allows(roles[name], request)
            assert not allows(roles[name], other), other
            assert not allows(roles[name], Request(request.action, request.resource, ((LEADING, both),)))
            assert not allows(roles[name], Request(request.action, request.resource))
            tried += 1
    assert tried > 100


def test_no_role_reaches_another_apps_things(roles: dict[str, Role], seen: dict[str, set[Request]]) -> None:
    """What the bank's functions did, on what is the shop's; and the other way round."""
    for name, some in seen.items():
        mine, other = ("bank", "orders") if "-bank-" in name else ("orders", "bank")
        for request in some:
            theirs = request.resource.replace(f"prod-{mine}", f"prod-{other}")
            assert theirs != request.resource, request
            assert not allows(roles[name], Request(request.action, theirs, request.context))
