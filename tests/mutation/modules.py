"""Which modules are tried, and which test files hold them to what they promise: those that fail fastest first."""

_READER = (
    "tests/common/test_mfrc522_driver.py",
    "tests/common/test_card_reader.py",
    "tests/common/test_reader_faults.py",
)
_GATE = ("tests/entry_gate",)
_TRANSACTION = ("tests/common/test_pass_store.py", "tests/common/test_scripts.py")
_DESK = ("tests/back_office/test_changes.py", "tests/back_office/test_desk.py")
_PULSE = ("tests/common/test_pulse.py",)

MODULES: dict[str, tuple[str, ...]] = {
    "entry_gate/gate.py": ("tests/entry_gate/test_gate.py", "tests/entry_gate/test_start_and_end.py"),
    "entry_gate/traffic_light.py": ("tests/entry_gate/test_traffic_light.py", "tests/entry_gate/test_gate.py"),
    "sales_terminal/terminal.py": (
        "tests/sales_terminal/test_terminal.py",
        "tests/sales_terminal/test_what_is_left.py",
    ),
    "common/pace.py": ("tests/common/test_pace.py", "tests/entry_gate/test_gate.py"),
    "common/card_reader.py": ("tests/common/test_card_reader.py", "tests/common/test_reader_faults.py", *_GATE),
    "common/mfrc522_driver.py": _READER,
    "common/mfrc522_chip.py": _READER,
    "common/pass_store.py": ("tests/common/test_pass_store.py", *_PULSE),
    "common/use.lua": _TRANSACTION,
    "common/issue.lua": (*_TRANSACTION, "tests/sales_terminal/test_terminal.py"),
    "common/reverse.lua": _TRANSACTION,
    "common/change.lua": (*_DESK, "tests/common/test_scripts.py"),
    "common/transaction.lua": (*_TRANSACTION, *_DESK),
    "common/commit.lua": (*_TRANSACTION, *_DESK),
    "common/check.lua": ("tests/common/test_check.py", *_TRANSACTION),
    "common/status.lua": (*_PULSE, "tests/common/test_devices.py"),
}
