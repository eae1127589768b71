"""What every client asked and was answered, with times, in a file."""

import itertools
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

from redis import Redis

from back_office.desk import RefusedError
from back_office.store import Store
from common.pass_store import PassStore
from common.passes import PassType
from common.pulse import Pulse
from common.request import Request as Call
from common.request import RequestNote
from common.rights import Commands
from common.scripts import CHANGE, Script
from common.settings import Settings
from tests.model.values import Pass, Request
from tests.model.wire import read_call

ENDING = ".history"
DRAWING = "no-order.svg"  # of the first one without a legal order


class Operation(NamedTuple):
    """A request, when it was sent, and what was answered when, in seconds of one clock; None if nothing was."""

    client: str
    request: Request
    began: float
    ended: float = inf
    answer: str | None = None


class History:
    """A file of operations, to which several processes may write: a line for each begin, and one for each answer."""

    _numbers = itertools.count()

    def __init__(self, path: Path) -> None:
        """Add to this file."""
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def record(self, client: str, request: Request, ask: Callable[[], str]) -> str:
        """Ask, and return the answer; a request that is refused may have been carried out before it was repeated."""
        id_ = f"{os.getpid()}-{next(self._numbers)}"
        self._write(id=id_, client=client, began=time.monotonic(), request=request)
        answer = ask()
        self._write(id=id_, ended=time.monotonic(), answer=answer)
        return answer

    def _write(self, **fields: object) -> None:
        os.write(self._file, json.dumps(fields).encode() + b"\n")


class RecordedStore(PassStore):
    """A store that keeps a history."""

    def __init__(
        self,
        history: Path,
        settings: Settings,
        needs: Commands,
        note: RequestNote | None = None,
        pulse: Pulse | None = None,
    ) -> None:
        self._client = settings.device
        self._history = History(history)
        super().__init__(settings, needs, note, pulse)

    def _ask(self, redis: Redis, script: Script, request: Call, *more: str) -> str:
        def ask() -> str:
            return super(RecordedStore, self)._ask(redis, script, request, *more)

        return self._history.record(self._client, read_call(script, request, more), ask)


class RecordedDesk(Store):
    """A desk that keeps a history."""

    def __init__(self, history: Path, settings: Settings, device: str) -> None:
        super().__init__(settings, device)
        self._history = History(history)

    def _run(self, request: Call, change: str, id_: str, more_keys: list[str]) -> None:
        refusals: list[RefusedError] = []

        def ask() -> str:
            try:
                super(RecordedDesk, self)._run(request, change, id_, more_keys)
            except RefusedError as refusal:
                if "changed meanwhile" not in str(refusal):
                    raise
                refusals.append(refusal)
            return "changed" if refusals else "done"

        self._history.record(self._device, read_call(CHANGE, request, [change]), ask)
        if refusals:
            raise refusals[0]


def read(path: Path) -> list[Operation]:
    """Return the operations of a file, by their begin."""
    found: dict[str, Operation] = {}
    for line in path.read_text().splitlines():
        fields: Mapping[str, Any] = json.loads(line)
        if "request" in fields:
            found[fields["id"]] = Operation(fields["client"], _request(*fields["request"]), fields["began"])
        else:
            found[fields["id"]] = found[fields["id"]]._replace(ended=fields["ended"], answer=fields["answer"])
    return sorted(found.values(), key=lambda each: each.began)


def keep(drill: str, folder: Path, file: Path) -> None:
    """Add the histories in a folder to a file, a line for each operation; put a drawing beside it, if there is one."""
    if (folder / DRAWING).exists():
        shutil.copyfile(folder / DRAWING, f"{file}.{drill}.svg")
    with file.open("a") as kept:
        for path in sorted(folder.glob(f"*{ENDING}")):
            for each in read(path):
                request = {
                    name: value for name, value in each.request._asdict().items() if value not in {None, "", 0, "-"}
                }
                times = {"began": each.began, "ended": None if each.ended == inf else each.ended}
                line = {
                    "drill": drill,
                    "round": path.stem,
                    "client": each.client,
                    **request,
                    **times,
                    "answer": each.answer,
                }
                kept.write(json.dumps(line) + "\n")


def _request(kind: str, session: str, number: int, card: str, type_: str | None, seen: Any, *rest: Any) -> Request:
    before = seen and Pass(PassType(seen[0]), *seen[1:])
    return Request(kind, session, number, card, PassType(type_) if type_ else None, before, *rest)
