"""Who runs this process: the account that the operating system knows it by."""

from __future__ import annotations

import os
import pwd


def account() -> str:
    """The name of the account; of one without a name, its number.

    Not what the environment says (``LOGNAME``, ``USER``), which anybody can set to anybody.
    """
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
