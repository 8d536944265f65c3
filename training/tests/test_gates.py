import unittest

import numpy as np

from fovea_training import detectors, pictures
from fovea_training.augment import PERTURBATIONS, augment, match_histogram, perturb

rng = np.random.default_rng(0)


class Detectors(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        basis = rng.normal(size=(6, 40))
        draw = lambda n: (rng.normal(size=(n, 6)) @ basis + 0.05 * rng.normal(size=(n, 40)) + 3).astype(np.float32)
        cls.train, cls.held, cls.far = draw(400), draw(400), rng.normal(0, 4, (50, 40)).astype(np.float32)
        settings = {"rank": 6, "prototypes": 40, "k": 5, "networkDimension": 30, "layoutDimension": 4, "ridge": 0.01, "classes": ["a", "b"]}
        cls.found = detectors.fit(cls.train, (cls.train[:, 0] > 3).astype(int), settings, 1)
        cls.logits = rng.normal(0, 3, (400, 1))
        alarm = dict.fromkeys(detectors.names(cls.found), 0.02)
        detectors.set_thresholds(cls.found, cls.held, cls.logits, alarm)

    def test_thresholds_keep_the_false_alarm_rate(self):
        for d in self.found:
            self.assertLessEqual(d["falseAlarm"], 0.02)

    def test_strange_features_raise_an_alarm(self):
        fired = detectors.alarms(self.found, self.far, np.full((50, 1), 4.0))
        self.assertGreater(fired.any(1).mean(), 0.95)

    def test_projections_of_the_residual_are_orthonormal(self):
        from fovea_training.calibration import from_base64

        d = next(d for d in self.found if d["kind"] == "residual")
        p = from_base64(d["projectionF32"], "<f4").reshape(d["rank"], -1)
        np.testing.assert_allclose(p @ p.T, np.eye(d["rank"]), atol=1e-5)


class Quality(unittest.TestCase):
    def test_measures_of_a_known_picture(self):
        x = np.tile([0.0, 255.0, 255.0, 0.0], (4, 1))
        q = detectors.quality(x)
        self.assertEqual(q["mean"], 127.5)
        self.assertEqual(q["saturated"], 1.0)
        self.assertAlmostEqual(q["gradient"], 170.0)
        self.assertAlmostEqual(q["mirror-correlation"], 1.0)

    def test_limits_hold_for_what_they_were_made_from(self):
        images = rng.random((50, 16, 16)) * 255
        limits = detectors.quality_limits(images, 0.5)
        self.assertEqual([detectors.poor_quality(i, limits) for i in images], [[]] * 50)


class Augmentation(unittest.TestCase):
    images = (rng.random((4, 64, 64)) * 255).astype(np.uint8)

    def test_the_same_generator_gives_the_same_views(self):
        a, b = (augment(self.images, self.images, np.random.default_rng(3)) for _ in range(2))
        np.testing.assert_array_equal(a, b)
        self.assertTrue(0 <= a.min() and a.max() <= 255)

    def test_untouched_images_stay_as_they_are(self):
        out = augment(self.images, self.images, np.random.default_rng(3), untouched=1.0)
        np.testing.assert_array_equal(out, self.images)

    def test_a_matched_image_has_the_other_histogram_and_its_own_order(self):
        a, b = self.images[0], self.images[1]
        out = match_histogram(a, b)
        np.testing.assert_array_equal(np.sort(out, axis=None), np.sort(b, axis=None))
        self.assertTrue(np.all(np.diff(out.ravel()[np.argsort(a.ravel(), kind="stable")]) >= 0))

    def test_every_perturbation_keeps_shape_and_range(self):
        for name in PERTURBATIONS:
            if name == "96 pixels" or name == "border covered":
                continue
            out = perturb(self.images, name, self.images)
            self.assertEqual(out.shape, self.images.shape, name)
            self.assertTrue(0 <= out.min() and out.max() <= 255, name)


class Pictures(unittest.TestCase):
    def test_components_rebuild_what_they_were_made_from(self):
        x = rng.normal(size=(20, 100))
        x -= x.mean(0)
        basis, deviation = pictures._components(x, 19)
        np.testing.assert_allclose((x @ basis.T) @ basis, x, atol=1e-4)
        np.testing.assert_allclose((x @ basis.T).std(0), deviation, rtol=1e-4)

    def test_nearest_is_the_euclidean_distance(self):
        a, b = rng.normal(size=(3, 5)), rng.normal(size=(7, 5))
        want = np.linalg.norm(a[:, None] - b[None], axis=2).min(1)
        np.testing.assert_allclose(pictures.nearest(a, b), want)


if __name__ == "__main__":
    unittest.main()
