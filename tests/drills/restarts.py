"""A server set up as in deploy/, with its users, stopped or killed and restarted."""

from contextlib import closing
from functools import partial
from pathlib import Path

from redis.backoff import ConstantBackoff
from redis.exceptions import BusyLoadingError
from redis.retry import Retry

from common.passes import PassType
from common.rights import TO_SELL, TO_USE
from common.settings import Settings
from simulator.server import Server
from tests.drills.drill import Outcome, entries, require_balance, sales, until_answered
from tests.drills.history import ENDING, RecordedStore
from tests.processes import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
OPERATOR = "user operator on >operator ~* &* +@all\n"
CARDS = 50
WHILE_LOADING = Retry(ConstantBackoff(0.05), 200, (BusyLoadingError,))
"""A server that asks for a login answers nobody else, so nobody without one learns that it has loaded its data."""


def restarts(program: Path, folder: Path, rounds: int = 3) -> Outcome:
    """Sell and use passes as the users that deploy/users.acl has; each round ends the server in another way."""
    users = folder / "users.acl"
    users.write_text((DEPLOY / "users.acl").read_text() + OPERATOR)
    configuration = folder / "redis.conf"
    configuration.write_text((DEPLOY / "redis.conf").read_text().replace("/var/lib/redis", str(folder)))
    server = Server(program, folder, "--aclfile", str(users), configuration=configuration)
    history = folder / f"restarts{ENDING}"
    lost = doubled = 0
    for number in range(rounds):
        with server:
            terminal, gate = (
                Settings(user, redis_port=server.port, redis_username=user, redis_password=f"change-me-{user}")
                for user in ("terminal", "gate")
            )
            with (
                closing(RecordedStore(history, terminal, TO_SELL)) as seller,
                closing(RecordedStore(history, gate, TO_USE)) as admitter,
            ):
                for card in range(number * CARDS, (number + 1) * CARDS):
                    until_answered(partial(seller.issue, seller.new_request(str(card)), PassType.TEN_TRIP))
                    until_answered(partial(admitter.use, str(card)))
            if number % 2:
                server.kill()
        with server, server.client(username="operator", password="operator", retry=WHILE_LOADING) as redis:
            expected = (number + 1) * CARDS
            require_balance(redis)
            for count in (sales(redis), entries(redis)):
                lost += expected - len(count)
                doubled += count.total() - len(count)
    return Outcome(rounds, lost, doubled)
