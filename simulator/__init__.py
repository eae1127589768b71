"""Machines that stand where Raspberry Pis would, and the hands, eyes and ears of those who use them."""
