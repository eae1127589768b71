"""Virtual Raspberry Pis, and the demo that runs the whole system on them."""
