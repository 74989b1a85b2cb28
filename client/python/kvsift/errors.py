"""Errors of calls, by what one does about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class Error(Exception):
    """A call was refused, or no answer came.

    Attributes:
        code: the status, such as "NOT_FOUND".
        message: what the server or the client said.
        field: the path of the wrong field in the request, such as "policies[1].k"; or "".
        value: what was sent there, shortened; or "".
        limit: what would have been accepted; or "".

    """

    def __init__(
        self, code: str, message: str, field: str = "", value: str = "", limit: str = ""
    ) -> None:
        super().__init__(code, message, field, value, limit)
        self.code = code
        self.message = message
        self.field = field
        self.value = value
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class InvalidArgumentError(Error, ValueError):
    """A size, value or policy is wrong (INVALID_ARGUMENT, OUT_OF_RANGE): fix the request."""


class NotFoundError(Error, LookupError):
    """No such store, layer or sequence (NOT_FOUND): create it; after a release, all is done."""


class AlreadyExistsError(Error):
    """The name or id is taken by something else (ALREADY_EXISTS): choose another."""


class FailedPreconditionError(Error):
    """Keys leave a gap or differ from stored ones, or there are no scales (FAILED_PRECONDITION).

    Look at the sequence and continue from its length, or append with "replace_tail".
    """


class AbortedError(Error):
    """The expected epoch is stale (ABORTED): look at the sequence again."""


class ResourceExhaustedError(Error):
    """A budget or limit is spent (RESOURCE_EXHAUSTED): release something before trying again."""


class UnavailableError(Error):
    """The server is away or did not answer in time (UNAVAILABLE, DEADLINE_EXCEEDED, CANCELLED).

    All calls are safe to repeat.
    """


class UnimplementedError(Error):
    """The server cannot serve that (UNIMPLEMENTED): choose another backend or server."""


@dataclass(frozen=True)
class EntryError:
    """Why one entry of a batch failed; nothing of its sequence has changed.

    Attributes:
        entry: its index in the request.
        code: the status, such as "FAILED_PRECONDITION".
        message: what the server said.
        length: current length of the layer that the error is about: where to continue.
        epoch: current epoch; 0 if the sequence does not exist.

    """

    entry: int
    code: str
    message: str
    length: int
    epoch: int


class BatchError(Error):
    """Some entries of a batch failed, and the others are answered.

    Attributes:
        errors: one EntryError for each failed entry, ascending by entry.
        result: what the call would have returned; rows of failed entries have count 0.
        code, message: those of the first failed entry.

    """

    def __init__(self, errors: tuple[EntryError, ...], result: Any) -> None:
        super().__init__(errors[0].code, errors[0].message)
        self.args = (errors, result)
        self.errors = errors
        self.result = result

    def __str__(self) -> str:
        told = "; ".join(f"entry {e.entry}: {e.code}: {e.message}" for e in self.errors[:3])
        more = f"; and {len(self.errors) - 3} more" if len(self.errors) > 3 else ""
        return told + more


_CLASSES: dict[str, type[Error]] = {
    "INVALID_ARGUMENT": InvalidArgumentError,
    "OUT_OF_RANGE": InvalidArgumentError,
    "NOT_FOUND": NotFoundError,
    "ALREADY_EXISTS": AlreadyExistsError,
    "FAILED_PRECONDITION": FailedPreconditionError,
    "ABORTED": AbortedError,
    "RESOURCE_EXHAUSTED": ResourceExhaustedError,
    "UNAVAILABLE": UnavailableError,
    "DEADLINE_EXCEEDED": UnavailableError,
    "CANCELLED": UnavailableError,
    "UNIMPLEMENTED": UnimplementedError,
}


def from_status(code: str, message: str, field: str, value: str, limit: str) -> Error:
    """Returns the error of a status; the extension raises it."""
    return _CLASSES.get(code, Error)(code, message, field, value, limit)
