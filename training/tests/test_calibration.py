import unittest

import numpy as np
from sklearn.isotonic import IsotonicRegression

from fovea_training import metrics
from fovea_training.calibration import Held, VennAbers, base64_of, calibrate, conformal_set, from_base64, isotonic, thresholds
from fovea_training.runtime import Package


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

    def test_an_entry_has_its_thresholds_from_one_split_and_their_rates_from_the_other(self):
        settings = {"ruleOutSensitivity": 0.98, "ruleInSpecificity": 0.95, "ruleOutAtMost": 0.2, "ruleInAtLeast": 0.8, "alpha": 0.1}
        pairs, measured = Held(*synthetic(600), np.arange(600) // 2), Held(*synthetic(400, 1), np.arange(400) // 4)
        entry = calibrate(pairs, measured, "val", settings)
        logits, labels = from_base64(entry["logitsF64"], "<f8"), from_base64(entry["labelsU8"], "u1")
        self.assertTrue(np.all(np.diff(logits) >= 0))
        self.assertEqual(sorted(logits), sorted(pairs.logits))
        self.assertEqual(entry["measuredOn"], {"set": "val", "n": 400, "patients": 100})
        low, high = entry["operatingPoints"]
        self.assertLess(low["threshold"], high["threshold"])
        p = VennAbers(logits, labels).many(measured.logits)[:, 0]
        for point in (low, high):
            for key, which in (("sensitivity", 1), ("specificity", 0)):
                own = measured.labels == which
                said = (p[own] >= point["threshold"]) == (which == 1)
                self.assertEqual(point[key]["value"], round(said.mean(), 5))
                self.assertEqual(point[key]["n"], own.sum())
                self.assertEqual(point[key]["patients"], len(np.unique(measured.patients[own])))
        # other images to measure on move the rates and leave the thresholds
        other = calibrate(pairs, Held(*synthetic(400, 2), np.arange(400)), "val", settings)["operatingPoints"]
        self.assertEqual([x["threshold"] for x in other], [low["threshold"], high["threshold"]])
        self.assertNotEqual(other[0]["sensitivity"], low["sensitivity"])

    def test_a_chosen_threshold_keeps_its_rate_on_the_images_it_was_chosen_on(self):
        z, y = synthetic(600)
        p = 1 / (1 + np.exp(-z))
        chosen = thresholds(p, y, {"ruleOutSensitivity": 0.9, "ruleInSpecificity": 0.9, "ruleOutAtMost": 0.5, "ruleInAtLeast": 0.5})
        self.assertGreaterEqual((p[y == 1] >= chosen["rule-out"]).mean(), 0.9)
        self.assertLess((p[y == 1] >= chosen["rule-out"] + 0.01).mean(), 0.9)
        self.assertGreaterEqual((p[y == 0] < chosen["rule-in"]).mean(), 0.9)
        self.assertLess((p[y == 0] < chosen["rule-in"] - 0.01).mean(), 0.9)

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


class Bands(unittest.TestCase):
    def say(self, logit, present, absent):
        package = object.__new__(Package)
        package.calibrator = lambda z: (1 / (1 + np.exp(-z)), 0.0, 1.0)
        package.low, package.high, package.alpha = 0.2, 0.8, 0.1
        package.present, package.absent = np.array(present), np.array(absent)
        return package.say(logit)[3]

    def test_a_set_of_both_or_of_the_other_label_alone_has_a_veto(self):
        always, never = [99.0] * 20, [-99.0] * 20  # nonconformity of held-out images: own label is kept, is left out
        self.assertEqual(self.say(3.0, always, never), "elevated")
        self.assertEqual(self.say(-3.0, never, always), "low")
        self.assertEqual(self.say(3.0, always, always), "indeterminate")
        self.assertEqual(self.say(3.0, never, always), "indeterminate")
        self.assertEqual(self.say(-3.0, always, never), "indeterminate")
        self.assertEqual(self.say(0.0, always, never), "indeterminate")

    def test_an_empty_set_keeps_the_likelier_label(self):
        never = [-99.0] * 20
        self.assertEqual(self.say(3.0, never, never), "elevated")
        self.assertEqual(self.say(-3.0, never, never), "low")


if __name__ == "__main__":
    unittest.main()
