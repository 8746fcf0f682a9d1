"""What all tests share."""

import signal

import pytest
from hypothesis import settings

from tests.stack import running_stack  # noqa: F401

# The machine is shared and noisy: no property is a statement about time.
settings.register_profile("lorebase", deadline=None)
settings.load_profile("lorebase")

# A shell that starts tests in the background has them ignore Ctrl-C, and what they start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The first test that asks for the stack also waits for its start.
STACK_TEST_SECONDS = 300


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options for looking closer at a stack that is already there."""
    group = parser.getgroup("lorebase")
    group.addoption("--graphql-url", help="GraphiQL page for the browser tests, instead of their own")
    group.addoption("--screenshots", help="folder in which the browser tests leave their screenshots")
    group.addoption("--stack-home", help="LOREBASE_HOME of a running stack to test, instead of a new one")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps what shares servers together when several processes test, and gives a cold start its time.

    The tests of the whole stack share one; every other module stays whole, since modules share databases.
    """
    for item in items:
        with_stack = "running_stack" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("stack" if with_stack else str(item.path)))
        if with_stack:
            item.add_marker(pytest.mark.timeout(STACK_TEST_SECONDS))
