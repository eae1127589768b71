"""Random bytes wherever bytes come from outside: on the channels, in the journal, in the passes, from the reader."""

import json
import os
import random
from contextlib import closing
from functools import partial
from pathlib import Path

from common.keys import JOURNAL
from common.pass_store import PassStore
from common.passes import PassType, UseOutcome
from common.rights import TO_USE
from common.settings import PREFIX, Settings
from simulator.server import Server
from simulator.virtual_pi.station import VirtualPi
from tests.drills.drill import Outcome, require, require_clean_log, seeded_random, until_answered
from tests.processes import Program, wait_for

NOISE = Path(__file__).with_name("noise")
AT_ONCE = 100  # messages
TYPES = [*PassType, "TEN_TRIPS", ""]
TRIPS = ["10", "1", "0", "-1", "1e3", "0x10", " 1", "1.5", "01", "9" * 30, "nan", "inf", ""]


def noise_on_channels(program: Path, folder: Path, rounds: int = 10_000) -> Outcome:
    """Publish noise, and put some into the journal, while one monitor prints lines and another JSON."""
    chance = seeded_random()
    with Server(program, folder) as server, server.client(decode_responses=False) as redis:
        environment = {PREFIX + "REDIS_PORT": str(server.port)}
        with (
            Program("system_monitor", environment=environment) as plain,
            Program("system_monitor", "--json", environment=environment) as as_json,
        ):
            wait_for(lambda: len(redis.client_list(_type="pubsub")) == 2)
            for begin in range(0, rounds, AT_ONCE):
                with redis.pipeline(transaction=False) as pipeline:
                    for _ in range(begin, min(begin + AT_ONCE, rounds)):
                        pipeline.publish(b"pass-" + _bytes(chance, 20), _payload(chance))
                        if chance.random() < 0.1:
                            pipeline.xadd(JOURNAL, {_bytes(chance, 9) or b"x": b"", b"channel": _payload(chance)})
                    pipeline.execute()
            redis.publish("pass-denied", '{"cardSerialNumber":"the middle"}')
            for monitor in (plain, as_json):
                monitor.wait_for_output("the middle")
            redis.client_kill_filter(_type="pubsub")  # now the journal is read, too
            for monitor in (plain, as_json):
                monitor.wait_for_error("connected again")
                redis.publish("pass-denied", '{"cardSerialNumber":"the end"}')
                monitor.wait_for_output("the end")
                require(all(line.isprintable() for line in list(monitor.output)), "each line can be printed")
                require_clean_log(monitor)
    return Outcome(rounds)


def noise_in_passes(program: Path, folder: Path, rounds: int = 10_000) -> Outcome:
    """Use passes that are invalid, or almost; what is denied must be left as it is."""
    chance = seeded_random()
    with Server(program, folder) as server, server.client(decode_responses=False) as redis:
        settings = Settings("gate", redis_port=server.port)
        with closing(PassStore(settings, TO_USE)) as gate:
            for number in range(rounds):
                card = str(number)
                fields = _fields(chance)
                redis.hset(card, mapping=fields)
                outcome, _ = until_answered(partial(gate.use, card))
                if outcome is UseOutcome.GRANTED:
                    require(fields[b"passType"].decode() in list(PassType), "only a known type of pass is granted")
                else:
                    require(outcome is UseOutcome.INVALID_PASS, "what is not granted is an invalid pass")
                    require(redis.hgetall(card) == fields, "an invalid pass is left as it is")
    return Outcome(rounds)


def noise_from_the_reader(program: Path, folder: Path, rounds: int = 5000) -> Outcome:
    """Answer SPI transfers of a gate with noise; it must keep running, and admit nobody."""
    with Server(program, folder) as server, server.client() as redis, VirtualPi() as pi:
        environment = {**pi.environment(), PREFIX + "REDIS_PORT": str(server.port)}
        environment["PYTHONPATH"] = os.pathsep.join([str(NOISE), environment["PYTHONPATH"]])
        redis.hset("0", mapping={"passType": "SINGLE_USE"})
        with Program("entry_gate", environment=environment) as gate:
            pi.wait_for(lambda pi: pi.running, 10)
            wait_for(lambda: pi.spi_transfers() > rounds, 120)
            require(gate.stop() == 0, "it is still running, and stops on SIGTERM")
            require_clean_log(gate)
        require(bool(redis.exists("0")), "card 0, which nobody presented, keeps its pass")
    return Outcome(rounds)


def _bytes(chance: random.Random, most: int) -> bytes:
    return chance.randbytes(chance.randrange(most))


def _payload(chance: random.Random) -> bytes:
    """Return random bytes, or JSON with random bytes in it."""
    if chance.random() < 0.5:
        return _bytes(chance, 200)
    noise = _bytes(chance, 30).decode("latin-1")
    numbers: list[object] = [noise, -1, 1e400, 10**30, None, True, [], {"passType": noise}]
    names = ["cardSerialNumber", "pass", "remainingTrips", "remainingTime", "reason", "id", "at", "device", noise]
    return json.dumps({name: chance.choice(numbers) for name in chance.sample(names, 5)}, ensure_ascii=False).encode()


def _fields(chance: random.Random) -> dict[bytes, bytes]:
    """Return the fields of something like a pass."""
    pass_type = chance.choice(TYPES).encode() if chance.random() < 0.7 else _bytes(chance, 20)
    trips = chance.choice(TRIPS).encode() if chance.random() < 0.7 else _bytes(chance, 20)
    return {b"passType": pass_type, b"tripsRemaining": trips, _bytes(chance, 9): _bytes(chance, 50)}
