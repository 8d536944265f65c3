import json
import unittest
from pathlib import Path

from fovea_training.config import REPOSITORY
from fovea_training.record import _say, card, source_attributes

CONFIG = json.loads((REPOSITORY / "training" / "config" / "chest-xray-pneumonia-paediatric.json").read_text())


class Record(unittest.TestCase):
    """Of the package as it is."""

    @classmethod
    def setUpClass(cls):
        folder: Path = REPOSITORY / "models" / CONFIG["name"] / CONFIG["version"]
        read = lambda name: json.loads((folder / name).read_text())
        cls.evaluation = read("evaluation.json")
        cls.card = card(CONFIG, cls.evaluation, read("calibration.json"))
        cls.attributes = source_attributes(CONFIG, cls.evaluation)["attributes"]
        cls.shipped = ((folder / "card.md").read_text(), read("source-attributes.json")["attributes"])

    def test_card_and_attributes_in_the_package_are_those_of_its_figures(self):
        self.assertEqual(self.shipped, (self.card, self.attributes))

    def test_the_worst_figures_are_told(self):
        rows = self.evaluation["robustness"]
        pick = lambda choose, key: _say(choose(rows, key=lambda r: r[key]["value"])[key])
        figures = [pick(min, "accuracy"), pick(max, "ece"), pick(min, "refused"), pick(max, "refused")]
        turned = {r["set"]: r for r in self.evaluation["outOfDistribution"]}
        figures += [_say(turned[name]["refused"]) for name in ("val, upside down", "val, turned by 180 degrees", "val, mirrored")]
        for text in (self.card, self.attributes["predictive_cautions_risks"]["text"]):
            for figure in figures:
                self.assertIn(figure, text)

    def test_it_is_said_that_the_validation_images_were_looked_at(self):
        for text in (self.card, self.attributes["predictive_performance_internal_validity"]["text"]):
            self.assertIn("were looked at", text)

    def test_every_change_has_its_line(self):
        for row in self.evaluation["robustness"]:
            self.assertIn(f"| {row['change']} |", self.card)


class Goals(unittest.TestCase):
    """What the gates were made to reach, on the figures of the package."""

    @classmethod
    def setUpClass(cls):
        folder: Path = REPOSITORY / "models" / CONFIG["name"] / CONFIG["version"]
        cls.evaluation = json.loads((folder / "evaluation.json").read_text())
        cls.reference = folder / "reference.json"

    def test_discrimination_calibration_and_size(self):
        figures = self.evaluation["sets"][0]["findings"]["pneumonia"]
        self.assertGreaterEqual(figures["auroc"]["value"], 0.995)
        self.assertLessEqual(figures["ece"]["value"], 0.03)
        self.assertLessEqual(self.reference.stat().st_size, 4 * 1024 * 1024)

    def test_few_of_what_it_is_made_for_are_refused(self):
        whole = self.evaluation["sets"][0]
        self.assertLessEqual(sum(a["n"] for a in whole["abstained"]), 0.03 * whole["n"])
        for row in self.evaluation["robustness"]:
            if row["mild"]:
                self.assertLessEqual(row["refused"]["value"], 0.10, row["change"])

    def test_other_pictures_are_refused(self):
        for row in self.evaluation["outOfDistribution"]:
            least = {"adult chest radiographs, 256 px": 0.2, "val, mirrored": 0.8}.get(row["set"], 0.95)
            self.assertGreaterEqual(row["refused"]["value"], least, row["set"])


if __name__ == "__main__":
    unittest.main()
