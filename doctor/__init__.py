"""The doctor: what is wrong with a device, and the command that fixes it."""
