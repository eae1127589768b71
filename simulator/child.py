"""Child processes that end with this one."""

import os
import shutil

_UNLESS_ORPHANED = 'test "$PPID" = "$0" && exec "$@"'


def ending_with_parent(*command: str) -> list[str]:
    """Return the command so that the kernel kills it when the thread that starts it ends (prctl(2), PR_SET_PDEATHSIG).

    A killed program cannot end its children. The kernel says nothing of a parent that had ended before it was asked, so
    the command then does not begin. Without setpriv (util-linux) it stays as it is.
    """
    setpriv = shutil.which("setpriv")
    if not setpriv:
        return [*command]
    return [setpriv, "--pdeathsig", "KILL", "/bin/sh", "-c", _UNLESS_ORPHANED, str(os.getpid()), *command]
