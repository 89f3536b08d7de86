"""Where the program starts: Ctrl-C ends it in one sentence even while the command line is being imported."""

import signal
import sys

#: The sentence and exit code of `flows.cli.console` and `strategy.exit_codes`, whose import is what may be interrupted.
STOPPED, EXIT_STOPPED = "turbodmt: stopped by the user; run the same command again to go on\n", 130


def main() -> None:
    """Run the command of `sys.argv` and leave with its exit code."""
    try:
        # Nothing is imported outside of this block: Ctrl-C may come at any moment.
        from flows.runs.interrupts import remember_ctrl_c

        remember_ctrl_c()
        from flows.cli.main import main as run_command_line

        run_command_line()
    except KeyboardInterrupt:
        if sys.stderr is not None:
            sys.stderr.write(STOPPED)
        raise SystemExit(EXIT_STOPPED) from None
    finally:
        # The answer is out: from now on Ctrl-C ends the process as it does any other.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
