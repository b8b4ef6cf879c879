"""What DSR, PBO and SPA say against a verdict or a recommendation; none of them decides."""

from __future__ import annotations

import math
from dataclasses import dataclass

from exitladder.pipelines.tuning.policies import TUNED
from exitladder.statistics.spa import SuperiorAbility
from exitladder.statistics.verdict import DSR_NEEDED, PBO_ALLOWED

SPA_LEVEL = 0.05


@dataclass(frozen=True)
class Witnesses:
    """The statistics that are reported beside a verdict.

    Parameters
    ----------
    dsr : float
        Deflated Sharpe ratio of the tuned ladder's gain; NaN if unknown.
    pbo : float
        Probability of backtest overfitting of the search; NaN if unknown.
    superior : SuperiorAbility
        Of all other exits against the baseline.
    """

    dsr: float
    pbo: float
    superior: SuperiorAbility

    def against_better(self, *, is_tuned: bool = True) -> str:
        """Return what contradicts the claim that an exit is better than the baseline; empty if nothing does.

        Parameters
        ----------
        is_tuned : bool
            Whether the exit is the tuned ladder, which DSR and PBO are about.
        """
        found = []
        if is_tuned and not self.dsr >= DSR_NEEDED:
            shown = "unknown" if math.isnan(self.dsr) else f"{self.dsr:.2f} (below {DSR_NEEDED})"
            found.append(f"the deflated Sharpe ratio is {shown}")
        if is_tuned and not self.pbo < PBO_ALLOWED:
            shown = "unknown" if math.isnan(self.pbo) else f"{self.pbo:.2f} (not below {PBO_ALLOWED})"
            found.append(f"the probability of backtest overfitting is {shown}")
        if self.superior.p_value > SPA_LEVEL:
            found.append(
                f"the test of all exits together (SPA) is not significant (p = {self.superior.p_value:.2g}, above "
                f"{SPA_LEVEL:g})"
            )
        if not found:
            return ""
        return f"Caution: {found[0] if len(found) == 1 else ', '.join(found[:-1]) + ' and ' + found[-1]}."

    def against_no_difference(self, baseline: str) -> str:
        """Return what contradicts the claim that no exit is better than the baseline; empty if nothing does.

        Parameters
        ----------
        baseline : str
        """
        if not self.superior.p_value <= SPA_LEVEL:
            return ""
        names = " and ".join(f"'{name}'" for name in self.superior.superior)
        which = f" ({names})" if names else ""
        return (
            f"The test of all exits together (SPA) contradicts this: p = {self.superior.p_value:.2g} that no exit "
            f"earned more than '{baseline}'{which}."
        )

    def against_verdict(self, kind: str, baseline: str) -> str:
        """Return what contradicts a verdict on the tuned ladder; empty if nothing does.

        Parameters
        ----------
        kind : {"better", "worse", "no_difference"}
        baseline : str
        """
        if kind == "better":
            return self.against_better()
        # That another exit is better does not contradict the verdict on the tuned ladder, and is said elsewhere.
        if TUNED in self.superior.superior:
            return self.against_no_difference(baseline)
        return ""
