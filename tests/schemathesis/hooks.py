"""Rules for generated requests that the OpenAPI document cannot express."""

import re
import uuid

import schemathesis

KEY = "Idempotency-Key"


@schemathesis.hook
def before_call(context, case, kwargs):
    """Gives each request a new key: the server refuses a key that came with another request before."""
    sent = (case.headers or {}).get(KEY)
    if isinstance(sent, str) and re.fullmatch("[!-~]{1,255}", sent):
        case.headers[KEY] = str(uuid.uuid4())
