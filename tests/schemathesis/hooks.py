"""What schemathesis cannot know of the requests it makes up."""

import re
import uuid

import schemathesis

KEY = "Idempotency-Key"


@schemathesis.hook
def before_call(context, case, kwargs):
    """Gives each request a key of its own: one that came with another request before is refused, and rightly."""
    sent = (case.headers or {}).get(KEY)
    if isinstance(sent, str) and re.fullmatch("[!-~]{1,255}", sent):
        case.headers[KEY] = str(uuid.uuid4())
