"""Errors of Redis, in words for an operator."""

import ssl

import pytest
from redis.exceptions import AuthenticationError, NoPermissionError, ResponseError
from redis.exceptions import ConnectionError as NoConnectionError
from redis.exceptions import TimeoutError as SlowAnswerError

from common.redis_errors import explain
from common.settings import PREFIX, Settings

SETTINGS = Settings("gate-1", redis_host="redis.example")
WHERE = "Redis at redis.example:6379"


def caused_by(error: Exception, cause: Exception) -> Exception:
    error.__context__ = cause
    return error


def bad_certificate() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError()
    error.verify_code = 18
    error.verify_message = "self-signed\x1b[2J"
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            AuthenticationError("invalid password"),
            f"{WHERE} refuses the login: check {PREFIX}REDIS_USERNAME and {PREFIX}REDIS_PASSWORD",
        ),
        (
            NoPermissionError("missing are XADD"),
            f"{WHERE} does not permit this: missing are XADD: check the rights of this device's user",
        ),
        (SlowAnswerError("Timeout"), f"{WHERE} does not answer in time: check the network"),
        (TimeoutError(), f"{WHERE} does not answer in time: check the network"),
        (
            caused_by(NoConnectionError("Error 1"), bad_certificate()),
            f"{WHERE} has a certificate that is not trusted (self-signed\\x1b[2J): check {PREFIX}REDIS_TLS_CA",
        ),
        (
            caused_by(NoConnectionError("Error 111"), OSError(111, "Connection refused")),
            f"no connection to {WHERE} (Connection refused): check the address and the network",
        ),
        (NoConnectionError("closed\n"), f"no connection to {WHERE} (closed\\n): check the address and the network"),
        (ResponseError("WRONGTYPE no"), f"{WHERE} reports an error: WRONGTYPE no"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_messages_to_an_operator(error: Exception, words: str) -> None:
    assert explain(error, SETTINGS) == words
