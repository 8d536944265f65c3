import unittest

import numpy as np
from sklearn.isotonic import IsotonicRegression

from fovea_training import metrics
from fovea_training.calibration import VennAbers, base64_of, calibrate, conformal_set, from_base64, isotonic


def synthetic(n: int = 300, seed: int = 0):
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 2, n)
    y = (rng.random(n) < 1 / (1 + np.exp(-z))).astype(np.uint8)
    return z, y


class Isotonic(unittest.TestCase):
    def test_equals_an_independent_fit(self):
        z, y = synthetic()
        z = np.round(z, 1)  # ties
        x, v = isotonic(z, y)
        other = IsotonicRegression().fit(z, y).predict(x)
        np.testing.assert_allclose(v, other, atol=1e-9)


class Calibrated(unittest.TestCase):
    def test_p_lies_in_its_interval_and_rises_with_the_score(self):
        z, y = synthetic()
        rows = VennAbers(z, y).many(np.linspace(-5, 5, 41))
        self.assertTrue(np.all(rows[:, 1] <= rows[:, 0] + 1e-12))
        self.assertTrue(np.all(rows[:, 0] <= rows[:, 2] + 1e-12))
        self.assertTrue(np.all(np.diff(rows[:, 0]) >= -1e-12))

    def test_new_scores_of_the_same_kind_are_calibrated(self):
        z, y = synthetic(2000)
        new, truth = synthetic(2000, 1)
        p = VennAbers(z, y).many(new)[:, 0]
        self.assertLess(metrics.ece(p, truth), 0.05)

    def test_an_entry_holds_what_the_contract_asks(self):
        z, y = synthetic()
        entry = calibrate(z, y, np.arange(len(z)) // 2, {"ruleOutSensitivity": 0.98, "ruleInSpecificity": 0.95, "ruleOutAtMost": 0.2, "ruleInAtLeast": 0.8, "alpha": 0.1})
        logits = from_base64(entry["logitsF64"], "<f8")
        self.assertTrue(np.all(np.diff(logits) >= 0))
        low, high = entry["operatingPoints"]
        self.assertLess(low["threshold"], high["threshold"])
        self.assertGreaterEqual(low["sensitivity"]["value"], 0.98)
        self.assertGreaterEqual(high["specificity"]["value"], 0.95)

    def test_base64_is_little_endian(self):
        self.assertEqual(base64_of(np.array([1.0]), "<f4"), "AACAPw==")


class Conformal(unittest.TestCase):
    def test_each_class_is_covered_at_its_own_rate(self):
        z, y = synthetic(2000)
        new, truth = synthetic(2000, 1)
        present, absent = np.sort(-z[y == 1]), np.sort(z[y == 0])
        for label, name in ((1, "present"), (0, "absent")):
            kept = [name in conformal_set(s, present, absent, 0.1) for s in new[truth == label]]
            self.assertGreater(np.mean(kept), 0.86)
            self.assertLess(np.mean(kept), 0.94)


class Metrics(unittest.TestCase):
    def test_auroc_counts_ties_half(self):
        self.assertEqual(metrics.auroc(np.array([1, 1, 2, 0]), np.array([0, 1, 1, 0])), 0.875)

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


if __name__ == "__main__":
    unittest.main()
