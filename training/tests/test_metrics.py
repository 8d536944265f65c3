import json
import math
import unittest
from pathlib import Path

import numpy as np

from fovea_training import metrics
from fovea_training.fixtures import statistics_rows

FIXTURE = Path(__file__).resolve().parents[2] / "test" / "fixtures" / "statistics" / "figures.json"


def synthetic(n: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 2, n)
    return z, (rng.random(n) < 1 / (1 + np.exp(-z))).astype(np.uint8)


class Reliability(unittest.TestCase):
    def test_bins_hold_every_image_once_and_keep_equal_probabilities_together(self):
        p = np.array([0.1] * 5 + [0.2] * 3 + [0.9] * 12)
        label = np.array([0] * 5 + [1, 0, 0] + [1] * 12)
        rows = metrics.reliability(p, label, 4)
        self.assertEqual([(r["predicted"], r["n"]) for r in rows], [(0.1, 5), (0.2, 3), (0.9, 12)])
        self.assertEqual([r["observed"] for r in rows], [0, round(1 / 3, 5), 1])
        for row in rows:
            self.assertLessEqual(row["interval"][0], row["observed"])
            self.assertGreaterEqual(row["interval"][1], row["observed"])

    def test_a_well_calibrated_score_lies_within_most_intervals(self):
        z, label = synthetic(4000)
        p = 1 / (1 + np.exp(-z))
        rows = metrics.reliability(p, label, 10)
        self.assertEqual(sum(r["n"] for r in rows), 4000)
        self.assertEqual(len(rows), 10)
        self.assertGreaterEqual(sum(r["interval"][0] <= r["predicted"] <= r["interval"][1] for r in rows), 8)


class Shared(unittest.TestCase):
    """The fixture that src/statistics is held to as well."""

    @classmethod
    def setUpClass(cls):
        cls.fixture = json.loads(FIXTURE.read_text())
        rows = cls.fixture["rows"]
        cls.columns = [np.array([r[k] for r in rows]) for k in ("probability", "score", "label", "patient")]

    def test_the_figures_are_those_of_the_fixture(self):
        self.assertEqual(metrics.describe(*self.columns, draws=self.fixture["replicates"]), self.fixture["figures"])

    def test_the_rows_are_those_that_training_writes(self):
        self.assertEqual(self.fixture["rows"], statistics_rows())

    def test_the_order_of_the_rows_plays_no_part(self):
        turned = [c[::-1] for c in self.columns]
        found = metrics.describe(*turned, draws=20)
        for name, wanted in self.fixture["figures"].items():
            self.assertAlmostEqual(found[name]["value"], wanted["value"], 5, name)


class Metrics(unittest.TestCase):
    def test_auroc_counts_ties_half(self):
        self.assertEqual(metrics.auroc(np.array([1, 1, 2, 0]), np.array([0, 1, 1, 0])), 0.875)

    def test_without_both_classes_there_is_no_area_and_no_slope(self):
        p, ones = np.array([0.2, 0.7]), np.ones(2)
        self.assertTrue(math.isnan(metrics.auroc(p, ones)))
        self.assertTrue(math.isnan(metrics.auprc(p, 1 - ones)))
        self.assertTrue(math.isnan(metrics.recalibration(p, ones)[0]))

    def test_equal_probabilities_share_their_positives_between_bins(self):
        p, y = np.full(30, 0.5), np.repeat([0, 1], 15)
        self.assertAlmostEqual(metrics.ece(p, y), 0, 12)
        self.assertAlmostEqual(metrics.ece(p, y[::-1]), 0, 12)

    def test_a_perfect_calibration_has_no_debiased_error(self):
        rng = np.random.default_rng(0)
        p = rng.random(500)
        y = (rng.random(500) < p).astype(float)
        self.assertGreater(metrics.ece(p, y), 0.01)
        self.assertLess(metrics.ece_debiased(p, y), 0.02)

    def test_the_bootstrap_draws_whole_patients(self):
        values = np.repeat([0.0, 1.0], 50)
        low, high = metrics.bootstrap(lambda r: values[r].mean(), np.repeat([0, 1], 50), 400)
        self.assertEqual((low, high), (0.0, 1.0))

    def test_recalibration_of_a_doubled_logit_has_slope_one_half(self):
        z, y = synthetic(20000)
        slope, _ = metrics.recalibration(1 / (1 + np.exp(-2 * z)), y)
        self.assertAlmostEqual(slope, 0.5, delta=0.03)

    def test_wilson_by_hand(self):
        self.assertEqual(metrics.wilson(0, 0), (0.0, 1.0))
        low, high = metrics.wilson(0, 10)
        self.assertEqual(low, 0.0)
        self.assertAlmostEqual(high, metrics.Z**2 / (10 + metrics.Z**2), 12)


if __name__ == "__main__":
    unittest.main()
