"""Whose deliveries are taken: each record says its tenant; a function that serves one tenant passes over the others'."""

from __future__ import annotations

import os
from typing import Any

import msgspec
from msgspec import Struct

from leftfold.core.errors import Rejected
from leftfold.core.streams import check_tenant
from leftfold.lambdas.batches import miswired
from leftfold.lambdas.container import TENANT, Options
from leftfold.lambdas.shapes import Kind


def check_call(handler: str, kind: Kind) -> None:
    """Refuse an event that is neither a delivery of this handler's nor a call to catch up."""
    if kind not in ("schedule", "direct"):
        raise miswired(handler, kind)


class _Asked(Struct):
    tenants: list[str] | None = None


class Tenancy:
    """`tenant=` or LEFTFOLD_TENANT names the one that is served; without, all are."""

    def __init__(self, options: Options) -> None:
        self._given = options.get("tenant")

    @property
    def served(self) -> str | None:
        return self._given if isinstance(self._given, str) else os.environ.get(TENANT) or None

    def serves(self, tenant: str) -> bool:
        return self.served in (None, tenant)

    def asked(self, event: Any) -> list[str]:
        """The tenants that a call names as `{"tenants": [...]}`, of those that are served; else the one that is.

        Raises Rejected for `tenants` that is no list of names, BadKey for a name that no tenant can have.
        """
        if not isinstance(event, dict) or "tenants" not in event:
            return [self.served or ""]
        try:
            named = msgspec.convert(event, _Asked).tenants
        except (msgspec.ValidationError, UnicodeError) as error:
            raise Rejected('tenants must be a list of names, as {"tenants": ["acme"]}.', field="tenants") from error
        if named is None:
            return [self.served or ""]
        for name in filter(None, named):
            check_tenant(name)
        return [name for name in dict.fromkeys(named) if self.serves(name)]
