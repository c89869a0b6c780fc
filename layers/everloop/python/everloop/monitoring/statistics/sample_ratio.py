"""Sample ratio mismatch: do as many units arrive in each variant as were to be sent there?

If not, units got lost on the way in one of them, and the rest must not be compared.
"""

import math

ALPHA = 0.001
"""The chance of ever raising a false alarm: it ends an experiment, so it is to be rare."""
_CONCENTRATION = 1_000
"""Of the shares that a mismatch is expected to have about the one that was meant: they stray as those of a thousand."""


def p_value(champion: int, challenger: int, share: float) -> float:
    """Of units counted so far, the challenger's `share` of which was meant; it may be looked at after every unit.

    One over the Bayes factor of a beta-binomial against the binomial that was meant (Lindon and Malek, "Anytime-valid
    inference for multinomial count data", NeurIPS 2022); 1 where all units were to be the challenger's and are.
    """
    if share == 1:
        return 1.0 if champion == 0 else 0.0
    a, b = _CONCENTRATION * share, _CONCENTRATION * (1 - share)
    log_factor = (
        _log_beta(a + challenger, b + champion)
        - _log_beta(a, b)
        - challenger * math.log(share)
        - champion * math.log1p(-share)
    )
    return math.exp(min(0.0, -log_factor))


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
