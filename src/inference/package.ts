import { createHash } from 'node:crypto';
import { type FileHandle, lstat, open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { ServiceError } from '#core/error';
import type { Manifest, OutputSpec } from '#core/model-package';
import { manifestFile, parseManifest } from './manifest.ts';
import { type GraphValue, scanOnnx } from './onnx-scan.ts';
import { parseCalibration, parseEvaluation, parseGolden, parseSourceAttributes } from './package-files.ts';
import type { ModelPackage, Network } from './package-types.ts';
import { parseReference } from './reference.ts';
import { mustHold } from './schema.ts';

/** Largest size of each file, bytes. @see docs/model-package.md */
const sizeLimits = {
  manifest: 64 * 1024,
  network: 20_000_000,
  calibration: 4_000_000,
  reference: 4_000_000,
  golden: 4_000_000,
  sourceAttributes: 256 * 1024,
  evaluation: 1_000_000,
  card: 256 * 1024,
} as const;

/** Opsets that the pinned runtime is tested with. */
const opsets = { from: 13, to: 23 } as const;

/**
 * Loads one package and checks every rule of docs/model-package.md. Each file is read once; the digest is taken
 * over the very bytes that are parsed or given to the runtime.
 * @param folder `…/<name>/<version>`
 * @throws MODEL_NOT_FOUND when there is no manifest, MODEL_DIGEST_MISMATCH, MODEL_PACKAGE_INVALID with the reason
 */
export async function loadPackage(folder: string): Promise<ModelPackage> {
  const manifestBytes = await readLimited(folder, manifestFile, sizeLimits.manifest);
  const manifest = parseManifest(manifestBytes);
  mustHold(
    path.basename(path.resolve(folder)) === manifest.version &&
      path.basename(path.dirname(path.resolve(folder))) === manifest.name,
    manifestFile,
    'name and version must be those of the folders',
  );
  await requireListedFilesOnly(folder, manifest);

  const read = async (key: keyof Manifest['files']): Promise<Uint8Array> => {
    const { file, sha256 } = manifest.files[key];
    return verified(await readLimited(folder, file, sizeLimits[key]), sha256, file);
  };
  const [calibration, reference, golden, sourceAttributes, evaluation, card] = await Promise.all([
    read('calibration'),
    read('reference'),
    read('golden'),
    read('sourceAttributes'),
    read('evaluation'),
    read('card'),
  ]);
  const networks: Record<string, Network> = {};
  for (const [variant, { file, sha256, bytes, opset }] of Object.entries(manifest.variants)) {
    const network = verified(await readLimited(folder, file, sizeLimits.network), sha256, file);
    mustHold(
      network.length === bytes,
      manifestFile,
      `/variants/${variant}/bytes: is not the size of ${file}`,
    );
    requireContract(network, opset, file, manifest);
    networks[variant] = { bytes: network, opset };
  }
  const cardText = new TextDecoder().decode(card);
  mustHold(cardText.trim() !== '', manifest.files.card.file, 'is empty');

  const { files } = manifest;
  const contents = new Map([
    [manifestFile, manifestBytes],
    [files.calibration.file, calibration],
    [files.reference.file, reference],
    [files.golden.file, golden],
    [files.evaluation.file, evaluation],
    [files.card.file, card],
  ]);
  return {
    folder,
    manifest,
    digest: sha256Of(manifestBytes),
    networks,
    calibration: parseCalibration(calibration, manifest),
    reference: parseReference(reference, manifest),
    golden: parseGolden(golden, manifest),
    evaluation: parseEvaluation(evaluation, manifest),
    sourceAttributes: parseSourceAttributes(sourceAttributes, manifest, contents),
    card: cardText,
  };
}

/** The folder holds the listed files and nothing else: no other file, folder or link. */
async function requireListedFilesOnly(folder: string, manifest: Manifest): Promise<void> {
  const listed = new Set([
    manifestFile,
    ...Object.values(manifest.files).map((f) => f.file),
    ...Object.values(manifest.variants).map((v) => v.file),
  ]);
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries) {
    const shown = JSON.stringify(entry.name.slice(0, 100));
    mustHold(listed.has(entry.name), manifestFile, `the folder holds ${shown}, which is not listed`);
    mustHold(entry.isFile(), manifestFile, `${shown} is not a plain file`);
  }
  const present = new Set(entries.map((e) => e.name));
  for (const name of listed) mustHold(present.has(name), manifestFile, `${name} is missing from the folder`);
}

/** The whole file, a plain one, its size checked on the open handle before anything is read. */
async function readLimited(folder: string, name: string, limit: number): Promise<Uint8Array> {
  let handle: FileHandle;
  try {
    // Before it is opened: a pipe would be waited for, and a link leads out of the folder.
    mustHold((await lstat(path.join(folder, name))).isFile(), name, 'is not a plain file');
    handle = await open(path.join(folder, name), 'r');
  } catch (cause) {
    if (cause instanceof ServiceError) throw cause;
    if (name === manifestFile)
      throw new ServiceError('MODEL_NOT_FOUND', { detail: `${manifestFile} cannot be read.`, cause });
    throw new ServiceError('MODEL_PACKAGE_INVALID', { detail: `${name}: cannot be read`, cause });
  }
  try {
    const { size } = await handle.stat();
    mustHold(size <= limit, name, `is larger than ${limit} bytes`);
    const bytes = new Uint8Array(size);
    let at = 0;
    while (at < size) {
      const { bytesRead } = await handle.read(bytes, at, size - at, at);
      mustHold(bytesRead > 0, name, 'became shorter while it was read');
      at += bytesRead;
    }
    return bytes;
  } finally {
    await handle.close();
  }
}

function verified(bytes: Uint8Array, sha256: string, file: string): Uint8Array {
  if (sha256Of(bytes) !== sha256) throw new ServiceError('MODEL_DIGEST_MISMATCH', { detail: `${file}.` });
  return bytes;
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The network has the manifest's input and outputs, in float32 and of the manifest's shapes. */
function requireContract(network: Uint8Array, opset: number, file: string, manifest: Manifest): void {
  const summary = scanOnnx(network, file);
  mustHold(summary.opset === opset, file, `has opset ${summary.opset}, the manifest says ${opset}`);
  mustHold(opset >= opsets.from && opset <= opsets.to, file, `opset must be ${opsets.from} to ${opsets.to}`);
  mustHold(summary.inputs.length === 1, file, 'must have exactly one input');
  requireValue(summary.inputs, manifest.input, file);
  for (const output of Object.values(manifest.outputs)) requireValue(summary.outputs, output, file);
}

function requireValue(values: readonly GraphValue[], wanted: OutputSpec, file: string): void {
  const value = values.find((v) => v.name === wanted.name);
  mustHold(value !== undefined, file, `has no ${JSON.stringify(wanted.name)}`);
  mustHold(value.elementType === 1, file, `${wanted.name} must be float32`);
  // The batch may be symbolic; no other dimension may contradict the manifest.
  mustHold(
    value.shape.length === wanted.shape.length &&
      value.shape.every((size, i) => size === null || size === wanted.shape[i]),
    file,
    `${wanted.name} has another shape than the manifest says`,
  );
}
