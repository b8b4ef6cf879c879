"""Learns where moves exhaust, tunes how a position is scaled out, and says what that is worth."""
