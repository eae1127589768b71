"""Text for tests of what anyone may have sent."""

import sys

from hypothesis import strategies as st

ANY_TEXT = st.lists(st.integers(0, sys.maxunicode), max_size=250).map(lambda points: "".join(map(chr, points)))
"""Any code points, also unpaired surrogates. (`st.text()` first sorts all of Unicode into categories: seconds.)"""
