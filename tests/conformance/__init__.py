"""What RFC 9110, 9112 and 6455 ask of an intermediary, as transcripts against a scripted upstream.

One suite for every way to run the gateway: the cases know no engine, only bytes in and bytes out.
"""

import pytest

pytest.register_assert_rewrite("tests.conformance.case")  # must come before its first import
