"""Errors of Redis, in words for an operator."""

from ssl import SSLCertVerificationError

from redis.exceptions import AuthenticationError, NoPermissionError
from redis.exceptions import ConnectionError as NoConnectionError
from redis.exceptions import TimeoutError as SlowAnswerError

from common.settings import PREFIX, Settings
from common.text import printable


def explain(error: BaseException, settings: Settings) -> str:
    """Say in one line, to an operator, what went wrong with Redis and what to do."""
    where = f"Redis at {settings.redis_address}"
    match error:
        case AuthenticationError():
            return f"{where} refuses the login: check {PREFIX}REDIS_USERNAME and {PREFIX}REDIS_PASSWORD"
        case NoPermissionError():
            return f"{where} does not permit this: {printable(error)}: check the rights of this device's user"
        case SlowAnswerError() | TimeoutError():
            return f"{where} does not answer in time: check the network"
        case NoConnectionError() | OSError() if isinstance(error.__context__, SSLCertVerificationError):
            doubt = printable(error.__context__.verify_message)
            return f"{where} has a certificate that is not trusted ({doubt}): check {PREFIX}REDIS_TLS_CA"
        case NoConnectionError() | OSError():
            reason = getattr(error.__context__, "strerror", None) or error
            return f"no connection to {where} ({printable(reason, 120)}): check the address and the network"
    return f"{where} reports an error: {printable(error)}"
