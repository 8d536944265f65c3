import unittest

import numpy as np
import torch

from fovea_training.network import EARLY, FEATURES, GATE_FEATURES, LAYOUT, LiteNet, to_onnx
from fovea_training.train import averaged, session


def randomised(seed: int) -> LiteNet:
    torch.manual_seed(seed)
    net = LiteNet().eval()
    with torch.no_grad():
        for name, p in net.named_parameters():
            if name.endswith("weight") and p.ndim == 4:
                torch.nn.init.kaiming_normal_(p, mode="fan_in")
            elif name.endswith("beta"):
                p.normal_(0, 0.1)
    return net


class Exported(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.net = randomised(1)
        cls.x = torch.randn(2, 1, 224, 224)
        run = session(to_onnx(cls.net, 224), 1)
        cls.logits, cls.features, cls.cam = run.run(["logits", "features", "cam"], {"image": cls.x.numpy()})

    def test_the_graph_gives_what_the_network_gives(self):
        with torch.no_grad():
            logits, features = self.net(self.x)
        np.testing.assert_allclose(self.logits, logits.numpy(), atol=2e-4)
        np.testing.assert_allclose(self.features[:, :FEATURES], features.numpy(), atol=2e-4)

    def test_the_map_adds_up_to_the_logit(self):
        total = self.cam.mean((2, 3)) + self.net.classifier.bias.detach().numpy()
        np.testing.assert_allclose(total, self.logits, atol=1e-4)

    def test_the_gate_features_are_the_layout_and_the_early_channels(self):
        self.assertEqual(self.features.shape[1], FEATURES + GATE_FEATURES)
        cells = self.x.numpy().reshape(2, LAYOUT, 32, LAYOUT, 32).mean((2, 4)).reshape(2, -1)
        np.testing.assert_allclose(self.features[:, FEATURES : FEATURES + LAYOUT**2], cells, atol=1e-5)
        with torch.no_grad():
            early = self.net.early(self.x, EARLY)
        np.testing.assert_allclose(self.features[:, -early.shape[1] :], early.mean((2, 3)), atol=1e-4)

    def test_a_cut_network_goes_on_where_it_was_cut(self):
        early = session(to_onnx(self.net, 224, 5), 1).run(None, {"image": self.x.numpy()})[0]
        with torch.no_grad():
            logits, _ = self.net.late(torch.from_numpy(early), 5)
        np.testing.assert_allclose(logits.numpy(), self.logits, atol=2e-4)


class Averaged(unittest.TestCase):
    def test_the_average_is_of_parameters(self):
        a, b = randomised(1), randomised(2)
        mean = averaged([a.state_dict(), b.state_dict()], [1.0, 3.0])
        want = 0.25 * a.classifier.weight + 0.75 * b.classifier.weight
        torch.testing.assert_close(mean.classifier.weight, want)


if __name__ == "__main__":
    unittest.main()
