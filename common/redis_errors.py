"""Errors of Redis, in words for an operator: the reason, and the remedy."""

import re
import ssl
from collections.abc import Iterator
from typing import NamedTuple

from redis.exceptions import AuthenticationError, NoPermissionError, RedisError
from redis.exceptions import ConnectionError as NoConnectionError
from redis.exceptions import TimeoutError as SlowAnswerError

from common.redis_client import NoPrimaryError
from common.redis_connection import NoFirstAnswerError, UnreadableReplyError
from common.settings import PREFIX, Settings
from common.text import printable


class _Fault(NamedTuple):
    reason: str
    remedy: str


_CLUSTER = _Fault("is a node of a cluster", "use a server that is none, or Sentinels")
_REPLICA = _Fault("is a replica, which takes no writes", f"name its primary in {PREFIX}REDIS_HOST and _PORT")
_REFUSALS = {
    "OOM": _Fault("has no memory left", f"raise its maxmemory, or lower {PREFIX}JOURNAL_LENGTH"),
    "MISCONF": _Fault("cannot save to its disk, and takes no writes", "check that disk, and the server's log"),
    "READONLY": _REPLICA,
    "NOREPLICAS": _Fault("has fewer replicas than its min-replicas-to-write", "check the replicas and their network"),
    "BUSY": _Fault("is held up by a script", "if it does not end, run `redis-cli SCRIPT KILL` there"),
    "LOADING": _Fault("is loading its data", "wait until it has"),
    "MASTERDOWN": _Fault("is a replica that has lost its primary", "check the primary and the network between them"),
    "DENIED": _Fault("is in protected mode: it takes connections from its own machine only", "set a password there"),
    **dict.fromkeys(("MOVED", "ASK", "TRYAGAIN", "CROSSSLOT", "CLUSTERDOWN"), _CLUSTER),
}
"""By the error's code; the reason follows the server's address."""
_REFUSALS_IN_WORDS = {
    "max number of clients reached": _Fault("has as many clients as its maxclients allows", "raise that"),
    "previous master is now a slave": _REPLICA,
    "unknown command .SENTINEL": _Fault("is no Sentinel", f"check {PREFIX}REDIS_SENTINELS"),
    "unknown command": _Fault("lacks a command ({})", "it must be 7.0 or newer, or Valkey"),
    "unexpected symbol near '#'": _Fault("does not know `#!lua`", "it must be 7.0 or newer, or Valkey"),
    "The user executing the script can't|ACL failure in script": _Fault(
        "does not permit this: {}", "check the rights of this device's user"
    ),
}
"""By words of errors that have no code of their own; braces take the error's text."""
_CERTIFICATES = {
    9: _Fault("is not valid yet", "check this device's clock, then the certificate"),
    10: _Fault("has expired", "check this device's clock, then renew the certificate"),
    **dict.fromkeys((62, 64), _Fault("is for another name", f"set {PREFIX}REDIS_HOST to a name that it is for")),
}
"""By OpenSSL's number for what is wrong with a certificate (X509_STORE_CTX_get_error(3))."""
_NOT_TRUSTED = _Fault("is not trusted", f"check {PREFIX}REDIS_TLS_CA")
_OWN_CERTIFICATE = f"{PREFIX}REDIS_TLS_CERT and {PREFIX}REDIS_TLS_KEY"


def explain(error: BaseException, settings: Settings) -> str:
    """Say in one line, to an operator, what went wrong with Redis and what to do."""
    if isinstance(error, NoPrimaryError):
        return _explain_sentinels(error, settings)
    where = f"Redis at {settings.redis_address}"
    for server in getattr(error, "__notes__", ())[:1]:  # which the Sentinels named
        where = f"Redis at {printable(server)} ({settings.redis_address})"
    return ": ".join(_fault(error, where, settings))


def _explain_sentinels(error: NoPrimaryError, settings: Settings) -> str:
    faults = [_fault(each, f"the sentinel {address}", settings) for address, each in error.reasons.items()]
    remedies = [fault.remedy for fault in faults]
    if any(isinstance(each, AuthenticationError) for each in error.reasons.values()):
        remedies = [f"check {PREFIX}REDIS_SENTINEL_USERNAME and {PREFIX}REDIS_SENTINEL_PASSWORD"]
    elif not any(PREFIX in remedy for remedy in remedies):
        remedies = [f"check {PREFIX}REDIS_SENTINELS, {PREFIX}REDIS_SENTINEL_MASTER and the network"]
    return f"{'; '.join(fault.reason for fault in faults)}: {remedies[0]}"


def _fault(error: BaseException, where: str, settings: Settings) -> _Fault:
    known = _known_refusal(error)
    if known:
        return _Fault(f"{where} {known.reason.format(printable(error))}", known.remedy)
    cause = next((each for each in _causes(error) if isinstance(each, OSError)), None)
    if cause and (isinstance(cause, ssl.SSLError) or "handshake" in str(cause)):
        return _tls_fault(cause, where, settings)
    words = printable(getattr(cause, "strerror", None) or error)
    reason, remedy = f"{where} reports an error", printable(error)
    match error:
        case AuthenticationError():
            login = f"{PREFIX}REDIS_USERNAME and {PREFIX}REDIS_PASSWORD"
            reason, remedy = f"{where} refuses the login", f"check {login}"
        case NoPermissionError():
            reason, remedy = f"{where} does not permit this: {words}", "check the rights of this device's user"
        case UnreadableReplyError():
            reason, remedy = f"{where} answers what is no reply of Redis ({words})", "check its address, port and TLS"
        case SlowAnswerError() | TimeoutError():
            reason, remedy = f"{where} does not answer in time", "check the network"
        case NoFirstAnswerError():
            reason = f"no connection to {where} ({words}, before its first answer)"
            remedy = "check its log" if settings.redis_tls else f"if it talks TLS, set {PREFIX}REDIS_TLS to yes"
        case NoConnectionError() | OSError():
            reason, remedy = f"no connection to {where} ({words})", "check the address and the network"
    return _Fault(reason, remedy)


def _known_refusal(error: BaseException) -> _Fault | None:
    code = getattr(error, "status_code", None) or str(error).partition(" ")[0]  # redis-py takes off those it knows
    if isinstance(error, RedisError) and code in _REFUSALS:
        return _REFUSALS[code]
    return next((fault for words, fault in _REFUSALS_IN_WORDS.items() if re.search(words, str(error))), None)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__ or error.__context__


def _tls_fault(cause: OSError, where: str, settings: Settings) -> _Fault:
    if isinstance(cause, ssl.SSLCertVerificationError):
        doubt, remedy = _CERTIFICATES.get(cause.verify_code, _NOT_TRUSTED)
        return _Fault(f"{where} has a certificate that {doubt} ({printable(cause.verify_message)})", remedy)
    alert = getattr(cause, "reason", None) or ""
    words = printable(alert.replace("_", " ").lower() or "its handshake was not answered in time")
    if "ALERT" in alert and re.search("CERTIFICATE|HANDSHAKE_FAILURE|UNKNOWN_CA|ACCESS_DENIED", alert):
        if settings.redis_tls_cert:
            return _Fault(f"{where} refuses this device's certificate ({words})", f"check {_OWN_CERTIFICATE}")
        return _Fault(f"{where} asks for a client's certificate ({words})", f"set {_OWN_CERTIFICATE}")
    return _Fault(f"no TLS with {where} ({words})", f"if it does not talk TLS, set {PREFIX}REDIS_TLS to no")
