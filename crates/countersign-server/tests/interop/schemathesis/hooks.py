"""What keeps the tries apart from each other."""

import os

import hypothesis
import schemathesis

# What is answered depends on what was tried before; to climb towards better answers from one try to the
# next is for servers that remember nothing.
hypothesis.target = lambda *_, **__: None


@schemathesis.hook
def filter_case(context, case):
    """All is tried as one admin, whose own account stays as it is: else all that follows is refused."""
    return case.method == "GET" or (case.path_parameters or {}).get("id") != os.environ["USER_ID"]
