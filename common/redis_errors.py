"""Errors of Redis, in words for an operator: the reason, and the remedy."""

import re
import ssl
from collections.abc import Iterator

from redis.exceptions import AuthenticationError, NoPermissionError, RedisError
from redis.exceptions import ConnectionError as NoConnectionError
from redis.exceptions import TimeoutError as SlowAnswerError

from common.redis_client import NoPrimaryError
from common.redis_connection import NoFirstAnswerError, UnreadableReplyError
from common.settings import PREFIX, Settings
from common.text import printable

_CLUSTER = "is a node of a cluster: use a server that is none, or Sentinels"
_REPLICA = f"is a replica, which takes no writes: name its primary in {PREFIX}REDIS_HOST and {PREFIX}REDIS_PORT"
_REFUSALS = {
    "OOM": f"has no memory left: raise its maxmemory, or lower {PREFIX}JOURNAL_LENGTH",
    "MISCONF": "cannot save to its disk, and takes no writes: check that disk, and the server's log",
    "READONLY": _REPLICA,
    "NOREPLICAS": "has fewer replicas than its min-replicas-to-write: check the replicas and their network",
    "BUSY": "is held up by a script: if it does not end, run `redis-cli SCRIPT KILL` there",
    "LOADING": "is loading its data: wait until it has",
    "MASTERDOWN": "is a replica that has lost its primary: check the primary and the network between them",
    "DENIED": "is in protected mode, and takes connections from its own machine only: set a password there",
    **dict.fromkeys(("MOVED", "ASK", "TRYAGAIN", "CROSSSLOT", "CLUSTERDOWN"), _CLUSTER),
}
"""By the error's code: what follows the server's address."""
_REFUSALS_IN_WORDS = {
    "max number of clients reached": "has as many clients as its maxclients allows: raise that",
    "previous master is now a slave": _REPLICA,
    "unknown command .SENTINEL": f"is no Sentinel: check {PREFIX}REDIS_SENTINELS",
    "unknown command": "lacks a command ({error}): it must be 7.0 or newer, or Valkey",
    "unexpected symbol near '#'": "does not know `#!lua`: it must be 7.0 or newer, or Valkey",
    "user executing the script can't|ACL failure in script": (
        "does not permit this: {error}: check the rights of this device's user"
    ),
}
"""By words of errors that have no code of their own."""
_CERTIFICATES = {
    9: "is not valid yet ({doubt}): check this device's clock, then the certificate",
    10: "has expired ({doubt}): check this device's clock, then renew the certificate",
    **dict.fromkeys((62, 64), f"is for another name ({{doubt}}): set {PREFIX}REDIS_HOST to a name that it is for"),
}
"""By OpenSSL's number for what is wrong with a certificate (X509_STORE_CTX_get_error(3))."""
_OWN_CERTIFICATE = f"{PREFIX}REDIS_TLS_CERT and {PREFIX}REDIS_TLS_KEY"


def explain(error: BaseException, settings: Settings) -> str:
    """Say in one line, to an operator, what went wrong with Redis and what to do."""
    if isinstance(error, NoPrimaryError):
        reasons = error.reasons.items()
        return "; ".join(
            _line(each, f"the Redis sentinel {place}", settings, "REDIS_SENTINEL") for place, each in reasons
        )
    where = f"Redis at {settings.redis_address}"
    for server in getattr(error, "__notes__", ())[:1]:  # which the Sentinels named
        where = f"Redis at {printable(server)} ({settings.redis_address})"
    return _line(error, where, settings, "REDIS")


def _line(error: BaseException, where: str, settings: Settings, login: str) -> str:
    text = printable(error)
    known = _known_refusal(error)
    if known:
        return f"{where} {known.format(error=text)}"
    cause = next((each for each in _causes(error) if isinstance(each, OSError)), None)
    if cause and (isinstance(cause, ssl.SSLError) or "handshake" in str(cause)):
        return _tls_line(cause, where, settings)
    reason = printable(getattr(cause, "strerror", None) or error)
    line = f"{where} reports an error: {text}"
    match error:
        case AuthenticationError():
            line = f"{where} refuses the login: check {PREFIX}{login}_USERNAME and {PREFIX}{login}_PASSWORD"
        case NoPermissionError():
            line = f"{where} does not permit this: {text}: check the rights of this device's user"
        case UnreadableReplyError():
            line = f"{where} answers what is no reply of Redis ({text}): check its address, port and TLS"
        case SlowAnswerError() | TimeoutError():
            line = f"{where} does not answer in time: check the network"
        case NoFirstAnswerError():
            remedy = "check its log" if settings.redis_tls else f"if it talks TLS, set {PREFIX}REDIS_TLS to yes"
            line = f"no connection to {where} ({reason}, before its first answer): {remedy}"
        case NoConnectionError() | OSError():
            line = f"no connection to {where} ({reason}): check the address and the network"
    return line


def _known_refusal(error: BaseException) -> str | None:
    code = getattr(error, "status_code", None) or str(error).partition(" ")[0]  # redis-py takes off those it knows
    if isinstance(error, RedisError) and code in _REFUSALS:
        return _REFUSALS[code]
    return next((line for words, line in _REFUSALS_IN_WORDS.items() if re.search(words, str(error))), None)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__ or error.__context__


def _tls_line(cause: OSError, where: str, settings: Settings) -> str:
    if isinstance(cause, ssl.SSLCertVerificationError):
        untrusted = f"is not trusted ({{doubt}}): check {PREFIX}REDIS_TLS_CA"
        line = _CERTIFICATES.get(cause.verify_code, untrusted).format(doubt=printable(cause.verify_message))
        return f"{where} has a certificate that {line}"
    alert = getattr(cause, "reason", None) or ""
    words = printable(alert.replace("_", " ").lower() or "its handshake was not answered in time")
    if "ALERT" in alert and re.search("CERTIFICATE|HANDSHAKE_FAILURE|UNKNOWN_CA|ACCESS_DENIED", alert):
        if settings.redis_tls_cert:
            return f"{where} refuses this device's certificate ({words}): check {_OWN_CERTIFICATE}"
        return f"{where} asks for a client's certificate ({words}): set {_OWN_CERTIFICATE}"
    return f"no TLS with {where} ({words}): if it does not talk TLS, set {PREFIX}REDIS_TLS to no"
