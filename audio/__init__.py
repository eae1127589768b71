"""What riders hear: the clips, and the speaker that plays them."""
