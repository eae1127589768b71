"""A jump of the server's clock is told, once; its slow drift and the device's own start are not."""

import time

import pytest

from common.server_clock import JUMP_S, ServerClock


@pytest.mark.parametrize(
    ("times", "jumps"),
    [
        ([100], []),
        ([100, 101, 102], []),
        ([100, 101 + JUMP_S, 102 + JUMP_S], []),
        ([100, 102 + JUMP_S, 103 + JUMP_S], ["+61"]),
        ([1_000_000, 1_036_001, 1_036_002], ["+36000"]),
        ([1_000_000, 964_001, 964_002, 1_000_003], ["-36000", "+36000"]),
    ],
)
def test_jumps(
    times: list[int], jumps: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = ServerClock()
    for second, server_time in enumerate(times):
        monkeypatch.setattr(time, "monotonic", lambda second=second: float(second))
        clock.read(server_time)
    assert caplog.messages == [
        f"Redis's clock has jumped by {jump} s: check its time service; two hour passes end by it" for jump in jumps
    ]
