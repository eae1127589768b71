"""Child processes that end with this one."""

import shutil


def ending_with_parent(*command: str) -> list[str]:
    """Return the command so that the kernel kills it when the thread that starts it ends (prctl(2), PR_SET_PDEATHSIG).

    A killed program cannot end its children. Without setpriv (util-linux) the command stays as it is.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", *command] if setpriv else [*command]
