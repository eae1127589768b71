"""What goes to the server, in the model's terms: a call of a script as a request, and a pass as a hash."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from common import request as common_request
from common.passes import PassType
from common.scripts import ISSUE, REVERSE, USE, Script
from tests.model.values import Pass, Request

_OF_A_CHANNEL = {
    "pass-issued": "issue",
    "pass-blocked": "block",
    "pass-unblocked": "unblock",
    "pass-moved": "move",
    "pass-credited": "credit",
    "pass-voided": "void",
    "pass-reversed": "settle",
}


def read_call(script: Script, request: common_request.Request, more: Sequence[str | int]) -> Request:
    """Return what a call of a transaction asks for; `more` ends with its last argument."""
    if script in (USE, REVERSE):
        return Request("tap" if script is USE else "reverse", *request)
    said: Mapping[str, Any] = json.loads(str(more[-1]))
    if script is ISSUE:
        return Request("sell", *request, type=PassType(said["passType"]))
    event = said["event"]
    return Request(
        _OF_A_CHANNEL[said["channel"].partition(":")[0]],
        *request,
        type=PassType(event["pass"]["passType"]),
        seen=read_pass(said["seen"]),
        other=event.get("to") or event.get("tap", ""),
        trips=event.get("trips", 0),
        name=said["name"],
    )


def read_pass(fields: Mapping[str, Any]) -> Pass | None:
    """Return the pass of a hash; None if it is empty."""
    if not fields:
        return None
    return Pass(PassType(fields["passType"]), int(fields.get("tripsRemaining", 1)), "blocked" in fields)
