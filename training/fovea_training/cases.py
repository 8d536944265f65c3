"""sandbox/data: the patients of the sandbox EHR, each a case, as real DICOM files of generated pictures.

Every expectation in cases.json is checked here by the exported package before it is written.
"""

from __future__ import annotations

import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from . import dicom, pictures
from .build import Split, other_images, write_json
from .pictures import Appearance
from .preprocessing import to_grey
from .runtime import Package
from .train import outputs

NAMESPACE = uuid.UUID("0f7a0b6e-5c1d-4f0e-9d53-8d1c1f2f7a11")
IMPLEMENTATION = "2.25.171904520735229410473614523079384170221"


def uid(*parts: str) -> str:
    """The same UID for the same case at every run, under 2.25 (PS3.5 B.2)."""
    return f"2.25.{uuid.uuid5(NAMESPACE, '/'.join(parts)).int}"


@dataclass(frozen=True)
class Picture:
    """How one instance is made and stored. `label` and `seed` go to the picture model, `wanted` is the band it must get
    (None: any). `function` is the VOI LUT function, None leaves the window out."""

    wanted: str | None
    label: float
    rows: int = 480
    columns: int = 600
    photometric: str = "MONOCHROME2"
    syntax: UID = ExplicitVRLittleEndian
    function: str | None = "LINEAR"
    bits: int = 12
    modality: str = "DX"
    body_part: str = "CHEST"
    view: str = "AP"
    burned_in: bool = False
    truncated: bool = False
    bone: bool = False
    follows: bool = False


@dataclass(frozen=True)
class Study:
    started: str
    accession: str
    description: str
    picture: Picture


@dataclass(frozen=True)
class Case:
    id: str
    title: str
    status: str
    band: str | None
    reason: str | None
    patient: tuple[str, str, str, str]  # family, given, gender, birth date
    studies: tuple[Study, ...]
    endpoint: str = "normal"


def _one(day: str, number: int, picture: Picture, description: str = "Chest, one view") -> tuple[Study, ...]:
    return (Study(f"{day}T09:{10 + number:02d}:00Z", f"FV2611{number:03d}", description, picture),)


CASES: tuple[Case, ...] = (
    Case("elevated", "A child with a high probability of pneumonia", "final", "elevated", None,
         ("Lindqvist", "Astrid", "female", "2023-03-14"), _one("2026-11-20", 1, Picture("elevated", 1.0, rows=640, columns=800))),
    Case("low", "A child with a low probability of pneumonia", "final", "low", None,
         ("Okafor", "Chidi", "male", "2022-07-02"), _one("2026-11-19", 2, Picture("low", 0.0, function=None))),
    Case("indeterminate", "A child whose radiograph leaves the question open", "final", "indeterminate", None,
         ("Moreau", "Élodie", "female", "2024-01-25"), _one("2026-11-21", 3, Picture("indeterminate", 0.5, function="SIGMOID"))),
    Case("adult", "An adult: the model is for young children and stays silent", "abstained", None, "GATE_AGE",
         ("Novak", "Petr", "male", "1986-05-30"), _one("2026-11-18", 4, Picture(None, 0.0, view="PA"))),
    Case("lateral", "A lateral view by its header: only frontal views are assessed", "abstained", None, "GATE_VIEW",
         ("Haddad", "Leila", "female", "2023-09-09"), _one("2026-11-17", 5, Picture(None, 0.3, view="LL", rows=600, columns=480))),
    Case("not-a-chest", "The header says chest, the picture shows a limb", "abstained", None, "GATE_OUT_OF_DISTRIBUTION",
         ("Silva", "Tomás", "male", "2022-12-01"), _one("2026-11-20", 6, Picture(None, 0.5, bone=True, rows=600, columns=480))),
    Case("monochrome1", "Stored with inverted grey (MONOCHROME1)", "final", "elevated", None,
         ("Kowalska", "Zofia", "female", "2024-04-18"), _one("2026-11-16", 7, Picture("elevated", 1.0, photometric="MONOCHROME1", modality="CR"))),
    Case("jpeg-ls", "Compressed with JPEG-LS", "final", "low", None,
         ("Tanaka", "Haruto", "male", "2023-06-06"), _one("2026-11-15", 8, Picture("low", 0.0, syntax=JPEGLSLossless, rows=560, columns=720))),
    Case("jpeg-2000", "Compressed with JPEG 2000, 16 bits stored", "final", "elevated", None,
         ("Rossi", "Giulia", "female", "2022-02-20"), _one("2026-11-14", 9, Picture("elevated", 1.0, syntax=JPEG2000Lossless, bits=16, rows=560, columns=720))),
    Case("rle", "Compressed with RLE, computed radiography", "final", "low", None,
         ("Andersson", "Nils", "male", "2021-12-12"), _one("2026-11-13", 10, Picture("low", 0.0, syntax=RLELossless, modality="CR", function="LINEAR_EXACT"))),
    Case("truncated", "The file ends in the middle of its pixels", "failed", None, "DICOM_TRUNCATED",
         ("Petrov", "Mila", "female", "2023-11-03"), _one("2026-11-20", 11, Picture(None, 0.0, truncated=True))),
    Case("slow-pacs", "An imaging server that answers after three seconds", "final", "elevated", None,
         ("Nguyen", "Minh", "male", "2024-08-08"), _one("2026-11-22", 12, Picture("elevated", 1.0)), "slow"),
    Case("endpoint-not-allowed", "Images on a host that the tenant does not list", "failed", None, "HOST_NOT_ALLOWED",
         ("Brown", "Olivia", "female", "2022-10-10"), _one("2026-11-12", 13, Picture(None, 0.0)), "foreign"),
    Case("prior", "Two studies of one child: low in spring, high now", "final", "elevated", None,
         ("Yılmaz", "Deniz", "male", "2022-05-05"),
         (Study("2026-11-21T14:05:00Z", "FV2611014", "Chest, one view", Picture("elevated", 1.0)),
          Study("2026-05-11T08:40:00Z", "FV2605014", "Chest, one view", Picture("low", 0.0, follows=True)))),
    Case("burned-in", "The header says that text is burned into the picture", "abstained", None, "GATE_BURNED_IN",
         ("Müller", "Jonas", "male", "2023-01-17"), _one("2026-11-11", 15, Picture(None, 0.0, burned_in=True))),
    Case("no-imaging", "A child without any imaging", "none", None, None, ("Cohen", "Noa", "female", "2024-02-29"), ()),
)


def stored_values(image: np.ndarray, picture: Picture, rng: np.random.Generator) -> tuple[np.ndarray, Dataset]:
    """[0, 255] of the model's size to stored values and the header elements that undo it."""
    large = pictures.enlarge(image, picture.rows, picture.columns)
    large = large + rng.normal(0, 0.35, large.shape)
    if picture.burned_in:
        canvas = Image.fromarray(np.clip(large, 0, 255).astype(np.uint8))
        ImageDraw.Draw(canvas).text((16, picture.rows - 40), "SYNTHETIC  AP  SUPINE", fill=245, font_size=18)
        large = np.asarray(canvas, dtype=np.float64)
    top = 2**picture.bits - 1
    low, high = (0.05 * top, 0.9 * top)
    values = np.clip(np.round(low + np.clip(large, 0, 255) / 255 * (high - low)), 0, top).astype(np.uint16)
    if picture.photometric == "MONOCHROME1":
        values = (top - values).astype(np.uint16)
        low, high = top - high, top - low
    extra = Dataset()
    if picture.function:
        centre, width = (low + high) / 2, high - low
        if picture.function == "SIGMOID":
            width *= 1.1
        extra.WindowCenter, extra.WindowWidth = f"{centre:.1f}", f"{width:.1f}"
        if picture.function != "LINEAR":
            extra.VOILUTFunction = picture.function
    return values, extra


def write_dicom(path: Path, values: np.ndarray, extra: Dataset, case: Case, study: Study) -> None:
    """A DX or CR object (PS3.3 A.26, A.2)."""
    picture = study.picture
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = (
        ComputedRadiographyImageStorage if picture.modality == "CR" else DigitalXRayImageStorageForPresentation
    )
    key = (case.id, study.accession)
    meta.MediaStorageSOPInstanceUID = uid(*key, "instance")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION
    ds = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    family, given, gender, birth = case.patient
    stamp, clock = study.started[:10].replace("-", ""), study.started[11:19].replace(":", "")
    years = int(dicom.age_at(dicom._date(birth.replace("-", "")), dicom._date(stamp)))
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.ImageType = ["DERIVED", "PRIMARY"] if picture.modality == "CR" else ["DERIVED", "PRIMARY", ""]
    ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = stamp
    ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = clock
    ds.TimezoneOffsetFromUTC = "+0000"
    ds.AccessionNumber = study.accession
    ds.Modality = picture.modality
    ds.Manufacturer = "Fovea"
    ds.InstitutionName = "Fovea Sandbox"
    ds.ManufacturerModelName = "generated picture"
    ds.StudyDescription, ds.SeriesDescription = study.description, f"{picture.body_part} {picture.view}"
    ds.ReferringPhysicianName = ""
    ds.PatientName = f"{family}^{given}"
    ds.PatientID = f"FV-{case.id}"
    ds.PatientBirthDate = birth.replace("-", "")
    ds.PatientSex = {"female": "F", "male": "M"}[gender]
    ds.PatientAge = f"{years:03d}Y"
    ds.BodyPartExamined, ds.ViewPosition = picture.body_part, picture.view
    ds.StudyInstanceUID, ds.SeriesInstanceUID = uid(*key, "study"), uid(*key, "series")
    ds.StudyID, ds.SeriesNumber, ds.InstanceNumber = study.accession[-3:], 1, 1
    ds.PatientOrientation = ["L", "F"]
    ds.BurnedInAnnotation = "YES" if picture.burned_in else "NO"
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, picture.photometric
    ds.Rows, ds.Columns = values.shape
    spacing = round(300 / values.shape[0], 4)
    ds.ImagerPixelSpacing = ds.PixelSpacing = [spacing, spacing]
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, picture.bits, picture.bits - 1, 0
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "0", "1", "US"
    ds.PresentationLUTShape = "INVERSE" if picture.photometric == "MONOCHROME1" else "IDENTITY"
    ds.PixelIntensityRelationship, ds.PixelIntensityRelationshipSign = "LOG", 1
    ds.LossyImageCompression = "00"
    ds.QualityControlImage = "NO"
    for element in extra:
        ds.add(element)
    ds.PixelData = values.astype("<u2").tobytes()
    ds["PixelData"].VR = "OW"
    if picture.syntax != ExplicitVRLittleEndian:
        ds.compress(picture.syntax, generate_instance_uid=False)
    ds.save_as(path, enforce_file_format=True)
    if picture.truncated:
        content = path.read_bytes()
        path.write_bytes(content[: len(content) - int(values.nbytes * 0.45)])


def write_preview(path: Path, values: np.ndarray, extra: Dataset, picture: Picture) -> None:
    """8-bit PNG of at most 400 px for the chart page; what a cut file lacks is black."""
    ds = Dataset()
    ds.PhotometricInterpretation = picture.photometric
    ds.update(extra)
    grey = to_grey(values, dicom.grey_rules(ds))
    if picture.truncated:
        grey[int(len(grey) * 0.55) :] = 0
    image = Image.fromarray(np.round(grey).astype(np.uint8))
    image.thumbnail((400, 400), Image.Resampling.LANCZOS)
    image.save(path, optimize=True)


class Chooser:
    """Draws pictures until one does what the case wants and is far enough from every training image."""

    def __init__(self, chests: Appearance, bones: Appearance, package: Package, training: np.ndarray, bone_features: np.ndarray, least: float) -> None:
        self.chests, self.bones, self.package = chests, bones, package
        self.training, self.bone_features, self.least = training, bone_features, least
        self.table: list[dict] = []

    def judge(self, values: np.ndarray, extra: Dataset, picture: Picture):
        """(result, feature distance to the nearest training image) by the header's grey rules."""
        ds = Dataset()
        ds.PhotometricInterpretation = picture.photometric
        ds.update(extra)
        grey = to_grey(values, dicom.grey_rules(ds))
        from .preprocessing import prepare, to_tensor

        rules = self.package.manifest["input"]
        _, features, _ = self.package.infer(to_tensor(prepare(grey, rules), rules))
        reference = self.bone_features if picture.bone else self.training
        return self.package.judge(grey), float(pictures.nearest(features.astype(np.float64), reference)[0])

    def choose(self, case: Case, study: Study, tries: int = 400) -> tuple[np.ndarray, Dataset]:
        """Stored values and header elements; raises when no draw will do."""
        picture = study.picture
        base = uuid.uuid5(NAMESPACE, f"{case.id}/{'' if picture.follows else study.accession}").int % 2**32
        for attempt in range(tries):
            rng = np.random.default_rng([base, attempt])
            label = picture.label
            if picture.wanted == "indeterminate":
                label = 0.2 + 0.6 * rng.random()
            image = (self.bones if picture.bone else self.chests).draw(rng, label)
            values, extra = stored_values(image, picture, np.random.default_rng([base, attempt, 1]))
            result, distance = self.judge(values, extra, picture)
            good = distance >= self.least
            if picture.bone:
                good = good and result.reason == "GATE_OUT_OF_DISTRIBUTION"
            elif picture.wanted:
                good = good and result.status == "final" and result.band == picture.wanted
            else:
                good = good and result.reason is None
            if good:
                self.table.append({"case": case.id, "accession": study.accession, "draw": attempt, "distance": round(distance, 3),
                                   "band": result.band, "probability": result.probability})
                print(f"{case.id}: draw {attempt}, {result.band or result.reason}, p {result.probability}, distance {distance:.3f}", flush=True)
                return values, extra
        raise RuntimeError(f"{case.id}: none of {tries} draws is fit")


def expected(case: Case) -> dict:
    """What the service must say of the newest study."""
    return {"status": case.status, "band": case.band, "reasonCode": case.reason}


def fit_models(root: Path, config: dict) -> tuple[Appearance, Appearance]:
    """The picture models: chests from the training split, one image a patient, and limbs from the bone set."""
    settings = config["pictures"]
    train = Split(root, config, "train")
    _, first = np.unique(train.patients, return_index=True)
    chests = pictures.fit(train.images[first], train.labels[first], settings["perClass"], settings["rank"], settings["shapeRank"], settings["seed"])
    limbs = other_images(root, "ood-bone-xray", 400, config["input"]["shape"][2])
    halves = np.arange(len(limbs)) % 2
    bones = pictures.fit(limbs, halves, len(limbs), 60, 10, settings["seed"])
    return chests, bones


def write(root: Path, config: dict, package_folder: Path, out: Path, models: tuple[Appearance, Appearance], threads: int = 1) -> None:
    """Replaces `out`: a folder a case, cases.json and README.md."""
    package = Package(package_folder, threads)
    train = Split(root, config, "train")
    features = outputs(package.run, train.images, config["input"], ["features"])[0].astype(np.float64)
    limbs = other_images(root, "ood-bone-xray", 400, config["input"]["shape"][2])
    bone_features = outputs(package.run, limbs, config["input"], ["features"])[0].astype(np.float64)
    of_all, of_nearest = pictures.between_patients(features, train.patients)
    print(f"1st percentile of distances between patients: all pairs {of_all:.3f}, nearest {of_nearest:.3f}", flush=True)
    least = of_all if config["pictures"]["distance"] == "all-pairs" else of_nearest
    chooser = Chooser(*models, package, features, bone_features, least)
    out.mkdir(parents=True, exist_ok=True)
    for old in out.iterdir():
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    entries = []
    for case in CASES:
        folder = out / case.id
        studies = []
        for number, study in enumerate(case.studies, 1):
            folder.mkdir(exist_ok=True)
            values, extra = chooser.choose(case, study)
            file, preview = f"{number}.dcm", "preview.png" if number == 1 else f"preview-{number}.png"
            write_dicom(folder / file, values, extra, case, study)
            write_preview(folder / preview, values, extra, study.picture)
            result = package.assess(folder / file)
            if case.endpoint != "foreign" and number == 1:
                found = {"status": result.status, "band": result.band, "reasonCode": result.reason}
                if found != expected(case):
                    raise RuntimeError(f"{case.id}: expected {expected(case)}, the package says {found} {result.alarms}")
            key = (case.id, study.accession)
            picture = study.picture
            studies.append(
                {
                    "studyInstanceUid": uid(*key, "study"),
                    "started": study.started,
                    "accession": study.accession,
                    "description": study.description,
                    "modality": picture.modality,
                    "bodySite": picture.body_part,
                    "view": picture.view,
                    "expected": {"status": result.status, "band": result.band, "reasonCode": result.reason}
                    if case.endpoint != "foreign"
                    else expected(case),
                    "series": [
                        {
                            "seriesInstanceUid": uid(*key, "series"),
                            "instances": [
                                {
                                    "sopInstanceUid": uid(*key, "instance"),
                                    "sopClassUid": str(
                                        ComputedRadiographyImageStorage
                                        if picture.modality == "CR"
                                        else DigitalXRayImageStorageForPresentation
                                    ),
                                    "file": file,
                                    "preview": preview,
                                }
                            ],
                        }
                    ],
                }
            )
        family, given, gender, birth = case.patient
        entries.append(
            {
                "id": case.id,
                "folder": case.id,
                "title": case.title,
                "expected": expected(case),
                "patient": {"id": case.id, "mrn": f"FV-{case.id}", "family": family, "given": given, "gender": gender, "birthDate": birth},
                "studies": studies,
                "endpoint": case.endpoint,
            }
        )
    write_json(out / "cases.json", entries)
    (out / "README.md").write_text(_readme(config, chooser, of_all, of_nearest), encoding="utf-8")


def _readme(config: dict, chooser: Chooser, of_all: float, of_nearest: float) -> str:
    rows = "\n".join(f"| {t['case']} | {t['accession']} | {t['distance']:.2f} |" for t in chooser.table)
    rule = "all pairs" if config["pictures"]["distance"] == "all-pairs" else "nearest neighbours"
    return f"""# The sandbox's patients
Nobody's radiographs: every picture is a draw from a statistical model of shape and appearance fitted to the training
split of {config["data"]} (CC BY 4.0, Kermany et al. 2018; `not-a-chest`: to ood-bone-xray, ODC-By 1.0). Names, dates and
identifiers are invented. The folder is made by `python -m fovea_training pictures`; nothing in it is edited by hand.

`cases.json` is a list of `{{id, folder, title, expected, patient, studies, endpoint}}`. `file` and `preview` of an
instance lie in `folder`. `expected` is what the package {config["name"]} {config["version"]} says of the newest study (each study
has its own as well); it was checked by running the package when the files were written. `status` `none` means no study.
`endpoint` is `normal`, `slow` (an imaging server that answers after 3 s) or `foreign` (a host that the tenant does not list).

## No picture is a copy
Euclidean distance in the package's features from each picture to the nearest image of the data it was fitted to, against the 1st percentile of
the distances between training images of different patients: {of_all:.2f} over all pairs, {of_nearest:.2f} over nearest neighbours. The rule
kept here: at least the percentile over {rule}, {chooser.least:.2f}.

| case | accession | nearest training image |
|---|---|---|
{rows}
"""


