"""What an error is in HTTP: one table for all routes, and the sentence as the answer's `detail`.

Knows the errors by their classes; what each means is told where it is raised.
"""

import errno

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from app.comparing import CannotContinue, NotYours, Overloaded, StillWriting, TooManyOpen
from app.data_folder import NoRoom
from app.doors.bodies import TooSlow
from app.doors.heavy import TooBusy
from app.people import (
    BadLink,
    Deactivated,
    NoOpenId,
    NoProvider,
    NotAllowed,
    NotInvited,
    NotVouchedFor,
    OldText,
    SignInFirst,
    SignInsWait,
    TooManyTries,
    WrongPassword,
)
from app.runs import QueueFull
from app.store import Busy, Conflict, Full, Unavailable, UnknownReference
from app.studies import NotInvited as NotOfStudy
from app.studies import StudyClosed
from app.transfers import InUse, NoSpace, TooLarge, TooMany
from rlhb_core.errors import RlhbError

STATUS: dict[type[RlhbError], int] = {
    SignInFirst: 401,
    WrongPassword: 401,
    NotYours: 403,
    NotAllowed: 403,
    Deactivated: 403,
    NotInvited: 403,
    NotOfStudy: 403,
    NotVouchedFor: 403,
    NoOpenId: 404,
    UnknownReference: 404,
    TooSlow: 408,
    CannotContinue: 409,
    Conflict: 409,
    OldText: 409,
    BadLink: 410,
    StillWriting: 409,
    StudyClosed: 409,
    TooLarge: 413,
    QueueFull: 429,
    TooManyOpen: 429,
    TooManyTries: 429,
    NoProvider: 502,
    Busy: 503,
    InUse: 503,
    Overloaded: 503,
    SignInsWait: 503,
    TooBusy: 503,
    TooMany: 503,
    Unavailable: 503,
    Full: 507,
    NoRoom: 507,
    NoSpace: 507,
}
"""All others are 422. A browser keeps its signals on 5xx and drops them on 422."""
RETRY_AFTER_S = 2
"""When to try again after a 503 that does not say it itself, in seconds."""
NO_ROOM = "the disk of the data folder is full, so this could not be done; free some space, then try again"


def explain_errors(app: FastAPI) -> None:
    """Have the app answer with sentences."""
    app.add_exception_handler(RlhbError, explain)
    app.add_exception_handler(OSError, _explain_disk)
    app.add_exception_handler(RequestValidationError, _explain_body)


def explain(request: Request, error: Exception) -> JSONResponse:
    """An error that a person can do something about, as a sentence."""
    return explained(error)


def status_of(error: Exception) -> int:
    """What it is in HTTP."""
    return next((code for kind, code in STATUS.items() if isinstance(error, kind)), 422)


def explained(error: Exception) -> JSONResponse:
    """The same outside of any route."""
    status = status_of(error)
    after_s = getattr(error, "retry_after_s", RETRY_AFTER_S)
    headers = {"Retry-After": str(after_s)} if status in (429, 503) else None
    return JSONResponse({"detail": str(error)}, status_code=status, headers=headers)


def _explain_body(request: Request, error: Exception) -> JSONResponse:
    """What is wrong with a body, without the body: there may be a password in it."""
    assert isinstance(error, RequestValidationError)
    told = [
        {key: each[key] for key in ("type", "loc", "msg") if key in each} for each in error.errors()
    ]
    return JSONResponse({"detail": told}, status_code=422)


def _explain_disk(request: Request, error: Exception) -> JSONResponse:
    """A full disk outside the database, as where uploads and runs lie; whatever else the system says is a bug."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return explain(request, Full(NO_ROOM))
    raise error
