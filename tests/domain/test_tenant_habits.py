"""A tenant's habits of many days, and scores of several zones taken together."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np

from domain.digests import Whose
from domain.logon_scores import Score
from domain.tenant_habits import joined, tenant_habits
from domain.use_days import UseDay, side_by_side

MONDAY = date(2026, 11, 16)


def a_day(came: bool) -> UseDay:
    """The pool and one of its VMs are used from nine to five; the other VM is only seen."""
    whose = [Whose("pool", "p"), Whose("vm", "a"), Whose("vm", "b")]
    seen = np.ones((3, 96), np.bool_)
    used = np.zeros((3, 96), np.bool_)
    used[:2, 36:68] = came
    return UseDay("Europe/London", whose, used, seen, np.zeros((1, 96)), int(came), 2)


def test_habits_are_of_each_pool_and_vm() -> None:
    use = side_by_side({MONDAY + timedelta(days=at): a_day(at < 5) for at in range(8)}, MONDAY + timedelta(days=7), 56)
    habits = tenant_habits("Europe/London", use)
    assert habits
    assert (habits.first, habits.last) == (MONDAY, MONDAY + timedelta(days=7))
    assert list(habits.pools) == [Whose("pool", "p")]
    of = habits.of([Whose("vm", "b"), Whose("vm", "a")])
    assert np.isnan(of.first[0]).all()
    assert of.first[1, :5].tolist() == [540.0] * 5
    assert of.last[1, :5].tolist() == [1020.0] * 5
    assert habits == tenant_habits("Europe/London", use)
    assert habits != replace(habits, known=~habits.known)
    assert tenant_habits(None, side_by_side({}, MONDAY, 56)) is None


SCORE = Score(10, 8, 1.0, 30.0, 0.9, 60.0, 0.1, 0.2, 0.8, None, better=True)


def test_scores_together_weigh_by_log_ons_and_days() -> None:
    other = Score(30, 24, 0.5, 10.0, 0.5, 20.0, 0.3, 0.4, None, 0.6, better=False)
    whole = joined([SCORE, other])
    assert whole
    assert (whole.days, whole.logons, whole.better) == (40, 32, False)
    figures = [whole.served, whole.idle, whole.fixed_served, whole.fixed_idle, whole.brier, whole.base_brier]
    assert np.allclose(np.array(figures, float), [0.625, 15, 0.6, 30, 0.25, 0.35])
    assert (whole.first_covered, whole.last_covered) == (0.8, 0.6)


def test_scores_of_no_days_do_not_count() -> None:
    none = Score(0, 0, None, None, None, None, None, None, None, None, better=False)
    assert joined([none, SCORE]) == SCORE
    assert joined([none]) is None
    assert joined([]) is None
