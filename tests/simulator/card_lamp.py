"""A small device for tests: a lamp for a card, one for a pressed button, one for a missing reader."""

CARD_LAMP, BUTTON_LAMP, FAULT_LAMP, BUTTON, RESET = 26, 19, 20, 13, 25


def main() -> None:
    """Run until killed."""
    import mfrc522  # here, since the tests take the pin numbers from this module and have no hardware
    from RPi import GPIO

    GPIO.setmode(GPIO.BCM)
    GPIO.setup([CARD_LAMP, BUTTON_LAMP, FAULT_LAMP], GPIO.OUT, initial=GPIO.LOW)
    GPIO.setup(BUTTON, GPIO.IN, pull_up_down=GPIO.PUD_UP)
    reader = mfrc522.MFRC522(pin_rst=RESET)
    while True:
        fault = reader.Read_MFRC522(reader.VersionReg) != 0x92
        if fault:
            reader.MFRC522_Init()
        # Of two requests in a row a resting card answers one.
        answers = [reader.MFRC522_Request(reader.PICC_REQALL)[0] for _ in range(2)]
        GPIO.output(CARD_LAMP, not fault and reader.MI_OK in answers)
        GPIO.output(BUTTON_LAMP, not GPIO.input(BUTTON))
        GPIO.output(FAULT_LAMP, fault)


if __name__ == "__main__":
    main()
