"""What the fast tests let through: small defects, put into a copy of the programs one at a time."""
