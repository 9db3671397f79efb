"""Every error of leftfold, in one tree. Facts are attributes; the message says the next step.

    LeftfoldError
    ├── Conflict            somebody appended first
    │   └── Contention      ... MAX_TRIES times in a row
    ├── StaleRead           a view has not seen the receipt yet
    ├── Rejected            bad input: nothing was written
    │   ├── TooLarge        over a named limit
    │   ├── NotEncodable    would not read back equal
    │   └── BadKey          a stream, tenant or row key that no store accepts
    ├── UnknownType         a stored event that this code cannot type
    ├── StoreUnavailable    locked, full, read-only, gone: nothing was acknowledged
    ├── Fenced              another worker took over
    ├── IntegrityError      stored bytes are not what leftfold wrote
    └── ConfigError         the app or the URL is wrong

A refusal by the user's own domain is not in this tree: it passes unwrapped.
"""


class LeftfoldError(Exception):
    """The root: catch it to catch everything that leftfold raises itself."""


class Conflict(LeftfoldError):
    """A stream has moved on since it was read.

    `stream` is the text form, `expected` the version that the caller saw, `actual` the one found.
    """

    def __init__(self, stream: str, expected: int, actual: int) -> None:
        super().__init__(
            f"{stream} is at version {actual}, not {expected}: somebody appended first. Load it again, then decide again."
        )
        self.stream, self.expected, self.actual = stream, expected, actual

    def __reduce__(self) -> tuple[type["Conflict"], tuple[str, int, int]]:
        return type(self), (self.stream, self.expected, self.actual)


class Contention(Conflict):
    """A command lost every race for its stream. Try again later; if it happens often, split the stream."""


class StaleRead(LeftfoldError):
    """A view has not yet applied the write that the caller's receipt names.

    `view` is its name, `behind` the events still missing, `blocked_by` the dead letter that holds the row's key, if any.
    """

    def __init__(self, view: str, behind: int, blocked_by: str | None = None, hint: str = "") -> None:
        if blocked_by:
            why = f"the key is parked by {blocked_by}: see `leftfold dead APP list`"
        else:
            why = hint or 'wait longer (wait_s=), run the loops (app.run), or pass stale="allow"'
        super().__init__(f"view {view!r} is {behind} events short of the receipt: {why}.")
        self.view, self.behind, self.blocked_by = view, behind, blocked_by


class Rejected(LeftfoldError):
    """Bad input, refused at the door. `field` names what is wrong; nothing was written."""

    def __init__(self, message: str, *, field: str = "", limit: int | None = None) -> None:
        super().__init__(message)
        self.field, self.limit = field, limit


class TooLarge(Rejected):
    """Over a named limit: `field`, `limit`."""


class NotEncodable(Rejected):
    """A value that would not read back equal from its stored form."""


class BadKey(Rejected):
    """A stream key, category, tenant or command id that not every store can hold."""


class UnknownType(LeftfoldError):
    """A stored event that today's code cannot type: a missing class, a missing upcast, or a foreign event."""

    def __init__(self, message: str, *, type: str, where: str = "") -> None:
        super().__init__(message)
        self.type, self.where = type, where


class StoreUnavailable(LeftfoldError):
    """The store cannot answer now. Nothing was acknowledged; the same call may be made again."""


class Fenced(LeftfoldError):
    """Another worker holds the lease or has moved the checkpoint: this one's write was refused."""


class IntegrityError(LeftfoldError):
    """Stored bytes are not what leftfold wrote: stop, look, restore. `position` is 0 where it is not known."""

    def __init__(self, message: str, *, position: int = 0) -> None:
        super().__init__(message)
        self.position = position


class ConfigError(LeftfoldError):
    """The app, its deciders or the URL is wrong: the message says what to write instead."""
