import unittest

import numpy as np

from fovea_training import detectors, pictures
from fovea_training.augment import HARSH, PERTURBATIONS, WRONG, augment, elsewhere, match_histogram, perturb

rng = np.random.default_rng(0)


class Detectors(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        basis = rng.normal(size=(6, 40))
        draw = lambda n, push=0.0: (rng.normal(size=(n, 6)) @ basis + 0.05 * rng.normal(size=(n, 40)) + 3 + push).astype(np.float32)
        cls.push = np.zeros(40)
        cls.push[30:] = rng.normal(0, 8, 10)
        # another department: one gate feature anywhere
        cls.moved = lambda self, x: x + np.eye(40, dtype=np.float32)[39] * rng.normal(0, 20, (len(x), 1)).astype(np.float32)
        cls.train, cls.held, cls.far = draw(600), draw(600), rng.normal(0, 40, (50, 40)).astype(np.float32)
        cls.wrong, cls.against = draw(600, cls.push), draw(600, -cls.push / 2)
        cls.changed, cls.elsewhere = cls.moved(cls, cls.train), cls.moved(cls, cls.held)
        contrasts = {"pushed": {"on": "gates", "ridge": 0.01}}
        cls.settings = {"rank": 6, "networkDimension": 30, "layoutDimension": 4, "ridge": 0.01, "classes": ["a", "b"], "contrasts": contrasts}
        cls.labels = (cls.train[:, 0] > 3).astype(int)
        cls.logits = rng.normal(0, 3, (600, 1))
        cls.found = detectors.fit(cls.train, cls.changed, cls.labels, {"pushed": cls.wrong}, cls.settings)
        cls.share = dict.fromkeys(detectors.names(cls.found), 0.02)
        cls.set(cls.found)

    @classmethod
    def set(cls, found):
        refused = dict.fromkeys(detectors.names(found), 0.05)
        detectors.set_thresholds(found, (cls.held, cls.logits), [(cls.elsewhere, cls.logits)], cls.share, refused)

    def test_neighbours_are_measured_as_the_detector_measures(self):
        detector = next(d for d in self.found if d["name"] == "network")
        held = detectors.neighbours(detector, self.held[:40], {"a": np.arange(40) % 2})
        z = detectors.from_base64(held["valuesF32"], "<f4").reshape(40, -1)
        # a class centre of the detector stands for one of the cases
        at = {**detector, "classes": [{"name": "case", "centreF32": detectors.base64_of(z[3], "<f4")}]}
        squares = detectors.score(at, self.held[:40], self.logits[:40])
        self.assertLess(squares[3], 1e-3)
        self.assertEqual(held["n"], 40)
        pairs = [np.sqrt(detectors.score({**at, "classes": [{"name": "c", "centreF32": detectors.base64_of(one, "<f4")}]}, self.held[:40], self.logits[:40])) for one in z]
        upper = np.array(pairs)[np.triu_indices(40, 1)]
        self.assertAlmostEqual(held["median"], float(np.median(upper)), 3)

    def test_thresholds_keep_the_false_alarm_rate_and_the_rate_under_changes(self):
        under = detectors.alarms(self.found, self.elsewhere, self.logits).mean(0)
        for d, changed in zip(self.found, under):
            self.assertLessEqual(d["falseAlarm"], 0.0201, d["name"])
            if d["kind"] != "confidence":
                self.assertLessEqual(changed, 0.0501, d["name"])
        # not by refusing nothing: the rates are reached by one of the two
        self.assertGreater(max(max(d["falseAlarm"] for d in self.found), under.max()), 0.01)

    def test_strange_features_raise_an_alarm(self):
        fired = detectors.alarms(self.found, self.far, np.full((50, 1), 4.0))
        self.assertGreater(fired.any(1).mean(), 0.95)

    def test_changed_images_in_the_fit_let_the_change_pass(self):
        blind = detectors.fit(self.train, self.train, self.labels, {"pushed": self.wrong}, self.settings)
        gates = lambda found: next(d for d in found if d["name"] == "gates")
        spread = lambda found: np.median(detectors.score(gates(found), self.elsewhere, self.logits)) / np.median(
            detectors.score(gates(found), self.held, self.logits)
        )
        self.assertGreater(spread(blind), 3 * spread(self.found))

    def test_a_contrast_refuses_its_kind_and_not_what_lies_on_the_other_side(self):
        own = next(i for i, d in enumerate(self.found) if d["name"] == "pushed")
        rate = lambda x: detectors.alarms(self.found, x, np.full((len(x), 1), 4.0))[:, own].mean()
        self.assertGreater(rate(self.wrong), 0.95)
        self.assertLess(rate(self.against), 0.01)

    def test_a_file_holds_directions_and_means_and_no_image(self):
        from fovea_training.calibration import from_base64

        for d in self.found:
            self.assertNotIn("prototypesF32", d)
            for entry in d.get("classes", []):
                self.assertEqual(len(from_base64(entry["centreF32"], "<f4")), d["rank"])
        counts = np.bincount(self.labels)
        self.assertGreaterEqual(counts.min(), 5)


class Quality(unittest.TestCase):
    # soft blobs: something like a chest for the measures
    @classmethod
    def setUpClass(cls):
        import torch

        from fovea_training.augment import blur, stretch_all

        x = torch.from_numpy(rng.normal(0, 1, (200, 1, 64, 64)).astype(np.float32))
        soft = blur(x, 3.0) * 8 + 0.3 * blur(x, 1.0)
        soft = soft + torch.from_numpy(rng.uniform(0.3, 0.8, (200, 1, 1, 1)).astype(np.float32)) * soft.flip(3)
        cls.stretched = staticmethod(lambda images: stretch_all(images, 1, 99))
        grey = (soft[:, 0].numpy() - soft.min().item()) / (soft.max() - soft.min()).item() * 255
        cls.grey, cls.images = grey, cls.stretched(grey)
        cls.limits = detectors.quality_limits([detectors.quality(i) for i in cls.images], 0.2)

    def broken(self, images):
        return [set(detectors.poor_quality(i, self.limits)) for i in self.stretched(images)]

    def test_measures_of_a_known_picture(self):
        x = np.tile([0.0, 255.0, 255.0, 0.0], (4, 1))
        q = detectors.quality(x)
        self.assertEqual(q["mean"], 127.5)
        self.assertEqual(q["saturated"], 1.0)
        self.assertAlmostEqual(q["gradient"], 170.0)
        self.assertAlmostEqual(q["mirror-correlation"], 1.0)

    def test_every_limit_lies_within_what_a_picture_can_have(self):
        for limit in self.limits:
            lowest, highest = {"mean": (0, 255), "saturated": (0, 1), "mirror-correlation": (-1, 1)}.get(limit["name"], (0, 255))
            self.assertLess(lowest, limit["minimum"], limit["name"])
            self.assertLess(limit["minimum"], limit["maximum"], limit["name"])
            self.assertLess(limit["maximum"], highest, limit["name"])

    def test_blurred_white_dark_noisy_and_lopsided_pictures_break_the_limit_of_their_name(self):
        import torch

        from fovea_training.augment import blur

        few = self.grey[:10]
        blurred = blur(torch.from_numpy(few.astype(np.float32))[:, None], 12.0)[:, 0].numpy()
        patch = np.zeros_like(few)
        patch[:, :, :3] = 1
        cases = {
            "gradient": (blurred, few + rng.normal(0, 60, few.shape)),
            "mean": (np.where(patch > 0, few, 255 - few / 100), np.where(patch > 0, few, few / 100)),
            "mirror-correlation": (few / 10 + np.linspace(0, 255, 64),),
        }
        for name, changed in cases.items():
            for images in changed:
                self.assertTrue(all(name in found for found in self.broken(images)), name)

    def test_held_out_pictures_of_the_same_kind_break_hardly_any(self):
        limits = detectors.quality_limits([detectors.quality(i) for i in self.images[:150]], 0.2)
        broken = [bool(detectors.poor_quality(i, limits)) for i in self.images[150:]]
        self.assertLessEqual(np.mean(broken), 0.04)

    def test_a_wider_margin_gives_wider_limits(self):
        measured = [detectors.quality(i) for i in self.images]
        for narrow, wide in zip(detectors.quality_limits(measured, 0.1), detectors.quality_limits(measured, 0.4)):
            self.assertLess(wide["minimum"], narrow["minimum"])
            self.assertGreater(wide["maximum"], narrow["maximum"])


class Augmentation(unittest.TestCase):
    images = (rng.random((4, 64, 64)) * 255).astype(np.uint8)

    def test_the_same_generator_gives_the_same_views(self):
        for change in (augment, elsewhere):
            a, b = (change(self.images, self.images, np.random.default_rng(3)) for _ in range(2))
            np.testing.assert_array_equal(a, b)
            self.assertTrue(0 <= a.min() and a.max() <= 255)

    def test_untouched_images_stay_as_they_are(self):
        out = augment(self.images, self.images, np.random.default_rng(3), untouched=1.0)
        np.testing.assert_array_equal(out, self.images)

    def test_images_from_elsewhere_differ_most_of_the_time(self):
        many = np.repeat(self.images, 25, axis=0)
        out = elsewhere(many, self.images, np.random.default_rng(3))
        same = np.array([np.array_equal(a, b) for a, b in zip(out, many)])
        self.assertTrue(0 < same.mean() < 0.2)  # .4 of each of three

    def test_a_matched_image_has_the_other_histogram_and_its_own_order(self):
        a, b = self.images[0], self.images[1]
        out = match_histogram(a, b)
        np.testing.assert_array_equal(np.sort(out, axis=None), np.sort(b, axis=None))
        self.assertTrue(np.all(np.diff(out.ravel()[np.argsort(a.ravel(), kind="stable")]) >= 0))

    def test_every_perturbation_changes_the_picture_and_keeps_shape_and_range(self):
        beyond = 0
        for name, change in PERTURBATIONS.items():
            raw, out = change(self.images, self.images), perturb(self.images, name, self.images)
            beyond += bool(raw.min() < 0 or raw.max() > 255)
            self.assertEqual(out.shape, self.images.shape, name)
            self.assertTrue(0 <= out.min() and out.max() <= 255, name)
            self.assertGreater(np.abs(out - self.images).mean(), 0.5, name)
            np.testing.assert_array_equal(out, np.clip(raw, 0, 255).astype(np.float32))
        self.assertGreater(beyond, 0)  # so the range is kept by what is tested here

    def test_harsh_changes_are_changes(self):
        self.assertEqual(set(HARSH) - set(PERTURBATIONS), set())

    def test_wrong_pictures_are_the_same_pixels_turned_or_fewer_of_them(self):
        images = (rng.random((20, 224, 224)) * 254 + 1).astype(np.float32)
        out = {name: make(images, np.random.default_rng(1)) for name, make in WRONG.items()}
        np.testing.assert_array_equal(out["mirrored"][:, :, ::-1], images)
        for a, b in zip(out["upside down"], images):
            self.assertTrue(np.array_equal(a[::-1], b) or np.array_equal(a[::-1, ::-1], b))
        kept = out["covered"] > 0
        np.testing.assert_array_equal(out["covered"][kept], images[kept])
        self.assertTrue(np.all(kept[:, 29:-29, 29:-29]) and not kept[:, :14].any() and not kept[:, :, -14:].any())


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
