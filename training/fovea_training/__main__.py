"""`python -m fovea_training <step>`: from public data to a model package and the sandbox's pictures."""

from __future__ import annotations

import argparse
import json
import pickle
import resource
import subprocess
import sys
import time
from pathlib import Path

from .config import REPOSITORY, Place, place


def _cost(at: Place, step: str, began: float) -> None:
    """Adds wall and processor seconds of a step to cost.json."""
    file = at.work / "cost.json"
    cost = json.loads(file.read_text()) if file.exists() else {}
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    cost[step] = {"wallSeconds": round(time.time() - began, 1), "cpuSeconds": round(cpu, 1)}
    file.write_text(json.dumps(cost, indent=1) + "\n")


def _network(at: Place):
    import torch

    from .network import LiteNet

    net = LiteNet()
    net.load_state_dict(torch.load(at.work / "network.pt", weights_only=True))
    return net.eval()


def audit(at: Place, _: argparse.Namespace) -> None:
    """Splits disjoint by patient, digests, duplicates; ends with status 1 when a patient or a copy is in two splits."""
    from .data import audit as run

    found = run(at.data / at.config["data"])
    (at.work / "audit.json").write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))
    if found["patientsInTwoSplits"] or found["brokenDigests"]:
        sys.exit(1)


def train(at: Place, options: argparse.Namespace) -> None:
    """Fine-tunes one network a seed (each in a process of one thread, `--parallel` at a time), then selects the average."""
    from .build import Split
    from .select import select

    seeds = at.config["training"]["seeds"]
    if options.seed is not None:
        from .train import fine_tune

        split = Split(at.data, at.config, "train")
        fine_tune(split.images, split.labels, at.config, options.seed, at.work / f"seed-{options.seed}", 1)
        return
    waiting = list(seeds)
    running: list[subprocess.Popen] = []
    while waiting or running:
        while waiting and len(running) < options.parallel:
            own = [a for a in sys.argv[1:] if a not in ("all", "train")]
            running.append(subprocess.Popen([sys.executable, "-m", "fovea_training", "train", *own, "--seed", str(waiting.pop(0))]))
        done = running.pop(0)
        if done.wait() != 0:
            sys.exit(f"training failed with status {done.returncode}")
    calib, pool = Split(at.data, at.config, "calib"), Split(at.data, at.config, "train")
    found = select(at.work, calib.images, calib.labels, pool.images, at.config, at.threads)
    (at.work / "selection.json").write_text(json.dumps(found, indent=1) + "\n")


def export(at: Place, _: argparse.Namespace) -> None:
    """network.pt to model.onnx."""
    from .build import export as run

    at.package.mkdir(parents=True, exist_ok=True)
    run(_network(at), at.config, at.package)
    print(at.package / "model.onnx", (at.package / "model.onnx").stat().st_size, "bytes")


def calibrate(at: Place, _: argparse.Namespace) -> None:
    """calibration.json and reference.json."""
    from .build import write_calibration

    write_calibration(at.data, at.config, at.package, at.threads)


def neighbours(at: Place, _: argparse.Namespace) -> None:
    """The held-out cases of reference.json anew, without calibrating again."""
    from .build import write_neighbours

    write_neighbours(at.data, at.config, at.package, at.threads)


def evaluate(at: Place, _: argparse.Namespace) -> None:
    """evaluation.json: the val split, changed and unchanged, and pictures that must be refused."""
    from .build import evaluate as run
    from .build import write_manifest

    write_manifest(at.config, at.package)
    read = lambda name: json.loads((at.work / name).read_text()) if (at.work / name).exists() else None
    result = run(at.data, at.config, at.package, at.threads, read("cost.json") or {}, read("selection.json"))
    for entry in result["sets"]:
        for finding, figures in entry["findings"].items():
            print(entry["name"], finding, json.dumps(figures))


def package(at: Place, _: argparse.Namespace) -> None:
    """Golden outputs, record, card and the manifest with every digest."""
    import numpy as np

    from .build import write_golden, write_manifest
    from .record import write_record

    models = _pictures(at)
    rng = np.random.default_rng(at.config["pictures"]["seed"])
    drawn = {f"generated-{i + 1}": np.round(models[0].draw(rng, label)).astype(np.uint8) for i, label in enumerate((0, 0, 0.5, 1, 1))}
    limb = np.round(models[1].draw(rng, 0.5)).astype(np.uint8)
    drawn["generated-limb"] = limb[:, 20:200]
    write_golden(at.config, at.package, drawn)
    write_record(at.config, at.package)
    write_manifest(at.config, at.package)
    print(at.package)


def _pictures(at: Place):
    """The picture models, fitted once a work folder."""
    from .cases import fit_models

    file = at.work / "pictures.pkl"
    if not file.exists():
        file.write_bytes(pickle.dumps(fit_models(at.data, at.config)))
    return pickle.loads(file.read_bytes())


def pictures(at: Place, _: argparse.Namespace) -> None:
    """sandbox/data and test/fixtures/{preprocessing,statistics}, every expectation checked with the package."""
    from .cases import write
    from .fixtures import write as write_fixtures
    from .fixtures import write_statistics

    write(at.data, at.config, at.package, at.sandbox, _pictures(at), at.threads)
    files = [at.sandbox / name / "1.dcm" for name in at.config["pictures"]["fixtures"]]
    write_fixtures(at.fixtures, REPOSITORY, files, at.config["input"])
    write_statistics(at.fixtures.parent / "statistics")


def everything(at: Place, options: argparse.Namespace) -> None:
    """Every step in order."""
    for step in (audit, train, export, calibrate, evaluate, package, pictures):
        print(f"== {step.__name__}", flush=True)
        began = time.time()
        step(at, options)
        _cost(at, step.__name__, began)


STEPS = {
    "audit": audit,
    "train": train,
    "export": export,
    "calibrate": calibrate,
    "neighbours": neighbours,
    "evaluate": evaluate,
    "package": package,
    "pictures": pictures,
    "all": everything,
}


def main() -> None:
    """Reads the command line and runs one step."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", type=Path, default=REPOSITORY / "training" / "config" / "chest-xray-pneumonia-paediatric.json")
    common.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared" / "data", help="folder of the data sets (default: beside the repository)")
    common.add_argument("--work", type=Path, default=None, help="folder for intermediate files (default: training/.work/<name>)")
    common.add_argument("--threads", type=int, default=2, help="threads of a measuring session")
    common.add_argument("--parallel", type=int, default=2, help="trainings at a time, each of one thread")
    common.add_argument("--seed", type=int, default=None, help="train this seed only, and do not select")
    parser = argparse.ArgumentParser(prog="python -m fovea_training", description=__doc__)
    commands = parser.add_subparsers(dest="step", required=True)
    for name, step in STEPS.items():
        commands.add_parser(name, parents=[common], help=step.__doc__, description=step.__doc__)
    options = parser.parse_args()
    at = place(options.config, options.data, options.work, options.threads)
    began = time.time()
    STEPS[options.step](at, options)
    if options.step != "all" and options.seed is None:
        _cost(at, options.step, began)


if __name__ == "__main__":
    main()
