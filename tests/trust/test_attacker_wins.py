"""The attacker wins where the rules are weaker. So its games can be won, and those of test_attacker prove something."""

import pytest

from tests.trust.test_attacker import MEANS, Attacker, play


@pytest.mark.parametrize("by", sorted(MEANS))
def test_the_attacker_wins_against_the_rule_of_before(by: str) -> None:
    """So it can, by each of these means without the others."""

    class AgainstTheOldRule(Attacker):
        old_rule = True
        asks = False
        means = frozenset({by})

    with pytest.raises(AssertionError, match="is given away by"):
        play(AgainstTheOldRule, 1_500, 12)  # it ends with the first game that is won, which chance decides


def test_the_attacker_wins_against_percentiles_of_the_finer_histograms() -> None:
    """So percentiles and ranks are among what it plays with."""

    class AgainstTheFinerForm(Attacker):
        ranked = True
        finer = True

    with pytest.raises(AssertionError, match="is given away by"):
        play(AgainstTheFinerForm, 1_500, 12)
