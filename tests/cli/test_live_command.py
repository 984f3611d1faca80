"""How `dayshift live` answers signals."""

from __future__ import annotations

import signal

import pytest

from dayshift.cli.commands.live import _stop_on_signals
from dayshift.runtimes.live.run import Stop


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_while_it_makes_itself_ready_says_so(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends at once, with exit code 0 and a word; one that takes events is asked to end in order."""
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        _stop_on_signals(Stop())
        with pytest.raises(SystemExit) as ended:
            signal.raise_signal(number)
        assert ended.value.code == 0
        assert capsys.readouterr().err == "stopped before it took any event\n"
        taking = Stop(taking=True)
        _stop_on_signals(taking)
        signal.raise_signal(number)
        assert taking.asked()
        assert capsys.readouterr().err == "stopping: what was taken is being written\n"
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
