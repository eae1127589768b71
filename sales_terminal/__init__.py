"""The sales terminal: tap, press the button of a pass, tap again."""
