"""Studies of what training learns: walk-forward on real bars, planted signals, the gate on noise, the twin's worth."""
