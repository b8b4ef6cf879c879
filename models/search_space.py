"""Which ladders a search may try, as a function of a trial.

Every suggestion is a valid ladder: targets are a first one and gaps on top, fractions are sticks broken
off what is left, so they are always in order and never sum to more than one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from exitladder.errors import LadderError, SettingsError
from exitladder.ladder import Condition, Distance, Ladder, Rung, Stop, Target
from exitladder.settings import SearchSettings

# Fractions are multiples of 1/20 of the position.
UNITS = 20
ARMED = ("off", "entry", "rung 1", "from R")


class Trial(Protocol):
    """What a suggestion needs of Optuna's trials."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """Return a whole number from low to high."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """Return a number from low to high."""

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """Return one of the choices."""


@dataclass(frozen=True)
class SearchSpace:
    """Ladders of price rungs, model rungs, a breakeven stop, a trail and a time stop.

    Parameters
    ----------
    settings : SearchSettings
        Ranges; one of a single value fixes it.
    base : Ladder
        Gives what is not searched: costs, execution, initial stop and ATR window.
    signals : tuple of str
        Series the model gives; `exhaustion` and `hold_value_r` make a rung each possible.
    hold_value_r : (float, float)
        Range of the hold value's threshold, R. What predictions reach depends on the model, so take
        low quantiles of its out-of-fold predictions.
    """

    settings: SearchSettings
    base: Ladder
    signals: tuple[str, ...] = ()
    hold_value_r: tuple[float, float] = (-0.5, 0.0)

    def __post_init__(self) -> None:
        most = self.settings.n_rungs[-1]
        if self.settings.n_rungs[0] < 0 or most + 2 > UNITS:
            raise SettingsError(
                f"search.n_rungs must lie in 0 to {UNITS - 2}, as no rung sells less than 1/{UNITS}, but is "
                f"{list(self.settings.n_rungs)}."
            )
        for name in ("first_target_r", "target_gap_r", "trail_atr", "time_bars"):
            least = getattr(self.settings, name)[0]
            if least <= 0:
                raise SettingsError(f"search.{name} must be above 0, but begins at {least}.")

    def suggest(self, trial: Trial) -> Ladder:
        """Return the ladder that a trial's parameters describe."""
        n_rungs = trial.suggest_int("n_rungs", *_range(self.settings.n_rungs))
        targets = self._targets(trial, n_rungs)
        signal_rungs = self._conditions(trial)
        fractions = _break_sticks(trial, n_rungs, list(signal_rungs))
        rungs = [Rung(f, target=t) for f, t in zip(fractions, targets, strict=False)]
        rungs += [Rung(f, when=when) for f, when in zip(fractions[n_rungs:], signal_rungs.values(), strict=True)]
        return replace(self.base, name="tuned", rungs=tuple(rungs), stop=self._stop(trial, n_rungs))

    def parameters_of(self, ladder: Ladder) -> dict[str, Any] | None:
        """Return trial parameters that suggest this very ladder, or None where the space does not hold it.

        Only ladders of price rungs and stops are looked for.
        """
        targets = [rung.target.value for rung in ladder.rungs if rung.target is not None and rung.target.unit == "R"]
        if len(targets) < len(ladder.rungs) or ladder.stop.time is None:
            return None
        parameters = _parameters_of_stop(ladder.stop, len(ladder.rungs))
        parameters |= {f"{signal}_rung": False for signal in self.signals} | {"n_rungs": len(ladder.rungs)}
        before, left = 0.0, UNITS
        for k, rung in enumerate(ladder.rungs, start=1):
            parameters["first_target_r" if k == 1 else f"gap_{k}_r"] = targets[k - 1] - before
            before = targets[k - 1]
            room = left - (len(ladder.rungs) - k) - 1
            taken = round(rung.fraction * UNITS)
            parameters[f"stick_{k}"] = (taken - 1) / room if room > 0 else 0.0
            left -= taken
        try:
            same = self.suggest(_Given(parameters))
        except (LadderError, _NotHeldError):
            return None
        return parameters if replace(same, name=ladder.name) == ladder else None

    def _targets(self, trial: Trial, n_rungs: int) -> list[Target]:
        step = self.settings.target_step_r
        steps, targets = 0, []
        for k in range(1, n_rungs + 1):
            name, limits = (
                ("first_target_r", self.settings.first_target_r)
                if k == 1
                else (f"gap_{k}_r", self.settings.target_gap_r)
            )
            steps += max(1, round(trial.suggest_float(name, *_range(limits), log=True) / step))
            targets.append(Target(round(steps * step, 10), "R"))
        return targets

    def _conditions(self, trial: Trial) -> dict[str, tuple[Condition, ...]]:
        found: dict[str, tuple[Condition, ...]] = {}
        if "exhaustion" in self.signals and trial.suggest_categorical("exhaustion_rung", (True, False)):
            least = trial.suggest_float("exhaustion", *_range(self.settings.exhaustion))
            open_r = trial.suggest_float("exhaustion_min_r", *_range(self.settings.exhaustion_min_r))
            found["exhaustion"] = (
                Condition("exhaustion", ">=", round(least, 3)),
                Condition("open_r", ">=", round(open_r * 4) / 4),
            )
        if "hold_value_r" in self.signals and trial.suggest_categorical("hold_value_r_rung", (True, False)):
            most = trial.suggest_float("hold_value_r", *_range(self.hold_value_r))
            found["hold_value_r"] = (Condition("hold_value_r", "<=", round(most, 4)),)
        return found

    def _stop(self, trial: Trial, n_rungs: int) -> Stop:
        s = self.settings
        after = int(trial.suggest_categorical("breakeven_after", tuple(range(s.n_rungs[-1] + 1))))
        armed = trial.suggest_categorical("trail", ARMED)
        trail = None
        if armed != "off":
            width = trial.suggest_float("trail_atr", *_range(s.trail_atr), log=True)
            trail = Distance(round(max(1, round(width / s.trail_step_atr)) * s.trail_step_atr, 10), "ATR")
        from_r = None
        if armed == "from R":
            width = trial.suggest_float("trail_from_r", *_range(s.first_target_r), log=True)
            from_r = Distance(round(max(1, round(width / s.target_step_r)) * s.target_step_r, 10), "R")
        return Stop(
            initial=self.base.stop.initial,
            # Without price rungs there is no fill to wait for: the trail binds from the entry.
            breakeven_after=min(after, n_rungs) or None,
            trail=trail,
            trail_after=1 if armed == "rung 1" and n_rungs else None,
            trail_from=from_r,
            time=trial.suggest_int("time_bars", *_range(s.time_bars), log=True),
        )


class _NotHeldError(Exception):
    """A parameter lies outside the space."""


class _Given:
    """A trial whose parameters are given; refuses those out of range."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self.parameters = parameters

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        return int(self.suggest_float(name, low, high))

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        value = float(self.parameters[name])
        if not low <= value <= high:
            raise _NotHeldError(name)
        return value

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        if self.parameters[name] not in choices:
            raise _NotHeldError(name)
        return self.parameters[name]


def _parameters_of_stop(stop: Stop, n_rungs: int) -> dict[str, Any]:
    parameters: dict[str, Any] = {"breakeven_after": stop.breakeven_after or 0, "trail": "off", "time_bars": stop.time}
    if stop.trail is not None:
        parameters["trail_atr"] = stop.trail.value
        parameters["trail"] = "rung 1" if stop.trail_after == 1 else "entry"
    if stop.trail_from is not None:
        parameters |= {"trail": "from R", "trail_from_r": stop.trail_from.value}
    return parameters


def _break_sticks(trial: Trial, n_rungs: int, signals: list[str]) -> list[float]:
    """Return the fractions of price rungs, then of signal rungs; every rung keeps at least one unit.

    A signal rung sells what no rung before it sells, or a part of that.
    """
    left, fractions = UNITS, []
    total = n_rungs + len(signals)
    for k in range(1, total + 1):
        room = left - (total - k) - 1
        if k <= n_rungs:
            share = trial.suggest_float(f"stick_{k}", 0.0, 1.0)
        elif trial.suggest_categorical(f"{signals[k - n_rungs - 1]}_sells", ("rest", "part")) == "rest":
            share = 1.0
        else:
            share = trial.suggest_float(f"{signals[k - n_rungs - 1]}_stick", 0.0, 1.0)
        taken = 1 + round(share * room)
        fractions.append(taken / UNITS)
        left -= taken
    return fractions


def _range(limits: tuple[Any, ...]) -> tuple[Any, Any]:
    return limits[0], limits[-1]
