import unittest

import numpy as np

from fovea_training.preprocessing import Grey, LookupTable, Window, area_weights, prepare, resize, stretch, to_grey, to_tensor

RULES = {
    "shape": [1, 1, 4, 4],
    "resize": {"rule": "area", "aspect": "squash"},
    "intensity": {"voi": True, "stretch": {"lower": 0, "upper": 100}, "offset": 127, "scale": 128},
}


class Resize(unittest.TestCase):
    def test_whole_factor_is_the_mean_of_boxes(self):
        x = np.arange(64, dtype=float).reshape(8, 8)
        boxes = x.reshape(4, 2, 4, 2).mean((1, 3))
        np.testing.assert_allclose(resize(x, 4, 4), boxes)

    def test_fractional_overlaps_count_by_their_share(self):
        np.testing.assert_allclose(area_weights(3, 2), np.array([[2, 1, 0], [0, 1, 2]]) / 3)

    def test_the_mean_is_kept(self):
        x = np.random.default_rng(0).random((37, 53))
        self.assertAlmostEqual(resize(x, 16, 16).mean(), x.mean(), places=12)

    def test_pad_puts_black_around_the_shorter_side(self):
        out = resize(np.full((4, 8), 9.0), 8, 8, "pad")
        np.testing.assert_allclose(out[:2], 0)
        np.testing.assert_allclose(out[2:6], 9)


class GreyRules(unittest.TestCase):
    def test_linear_window_by_the_standard(self):
        x = np.array([[0, 50, 99, 100, 101, 150, 200]])
        c, w = 100, 101
        want = np.clip(((x - (c - 0.5)) / (w - 1) + 0.5) * 255, 0, 255)
        np.testing.assert_allclose(to_grey(x, Grey(window=Window(c, w))), want)

    def test_linear_exact_reaches_its_ends_at_half_a_width(self):
        out = to_grey(np.array([[0, 50, 100]]), Grey(window=Window(50, 100, "LINEAR_EXACT")))
        np.testing.assert_allclose(out, [[0, 127.5, 255]])

    def test_sigmoid_is_half_at_its_centre(self):
        out = to_grey(np.array([[50]]), Grey(window=Window(50, 10, "SIGMOID")))
        np.testing.assert_allclose(out, 127.5)

    def test_an_unusable_window_is_left_out(self):
        out = to_grey(np.array([[0, 10]]), Grey(window=Window(5, 0)))
        np.testing.assert_allclose(out, [[0, 255]])

    def test_voi_table_goes_before_the_window_and_takes_its_ends(self):
        table = LookupTable(10, 8, np.array([0, 51, 255]))
        out = to_grey(np.array([[-5, 11, 90]]), Grey(voi_lut=table, window=Window(1, 1)))
        np.testing.assert_allclose(out, [[0, 51, 255]])

    def test_padding_is_black_in_both_photometric_interpretations(self):
        x = np.array([[-2000, 0, 100]], dtype=np.int16)
        for photometric, want in (("MONOCHROME2", [[0, 0, 255]]), ("MONOCHROME1", [[0, 255, 0]])):
            out = to_grey(x, Grey(photometric=photometric, padding=(-2000, -2000)))
            np.testing.assert_allclose(out, want, atol=1e-9)

    def test_a_flat_image_is_zero(self):
        np.testing.assert_array_equal(to_grey(np.full((2, 2), 9), Grey()), np.zeros((2, 2)))
        np.testing.assert_array_equal(stretch(np.full((2, 2), 9.0), 1, 99), np.zeros((2, 2)))


class Tensor(unittest.TestCase):
    def test_offset_and_scale_come_last(self):
        x = np.linspace(10, 20, 16).reshape(4, 4)
        tensor = to_tensor(prepare(x, RULES), RULES)
        self.assertEqual(tensor.shape, (1, 1, 4, 4))
        self.assertEqual(tensor.dtype, np.float32)
        self.assertAlmostEqual(float(tensor.min()), -127 / 128, places=6)
        self.assertAlmostEqual(float(tensor.max()), 1.0, places=6)


if __name__ == "__main__":
    unittest.main()
