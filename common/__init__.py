"""What the devices and the monitor share."""
