"""What the tests of the project see is what is locked."""

import humanize


def test_words() -> None:
    assert humanize.intcomma(1000000) == "1,000,000"
