"""The back office: the operator's desk."""
