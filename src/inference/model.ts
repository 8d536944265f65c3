import type { ModelIdentity } from '#core/assessment';
import { type ErrorCode, ServiceError } from '#core/error';
import type { Provider, Session } from './backend.ts';
import type { Golden, ModelPackage } from './package-types.ts';
import { greyImage8, prepareImage, toTensor } from './preprocess.ts';
import { providers as allProviders } from './providers.ts';

/** Largest absolute differences from the golden outputs. */
export interface Parity {
  readonly logits: number;
  readonly cam: number;
  readonly features: number;
}

/** A provider of the list that does not run this model here, and why. */
export interface SkippedProvider {
  readonly provider: string;
  readonly code: ErrorCode;
  readonly detail: string;
}

/** A package on one execution provider whose outputs were compared with the golden ones. */
export interface Model {
  readonly package: ModelPackage;
  readonly identity: ModelIdentity;
  readonly session: Session;
  readonly parity: Parity;
  readonly skipped: readonly SkippedProvider[];
  readonly close: () => Promise<void>;
}

export interface OpenModelOptions {
  /** Names of `providers.ts`, tried in this order. Default: all, a GPU first. */
  readonly providers?: readonly string[];
  /** Default: the manifest's. */
  readonly variant?: string;
  /** The table to choose from; for tests of other tables. */
  readonly table?: readonly Provider[];
}

/**
 * Opens the first provider of the list that runs the network here and gives the golden outputs.
 * Leaves the session warm. Blocks the thread: call it in a worker.
 * @throws MODEL_PARITY_FAILED when providers ran it and all differ; MODEL_PROVIDER_UNAVAILABLE when none runs it;
 * MODEL_NOT_FOUND when the package has no such variant. The detail holds each provider's reason.
 */
export async function openModel(pkg: ModelPackage, options: OpenModelOptions = {}): Promise<Model> {
  const variant = options.variant ?? pkg.manifest.defaultVariant;
  const network = pkg.networks[variant];
  if (network === undefined)
    throw new ServiceError('MODEL_NOT_FOUND', {
      detail: `Asked for: variant ${variant}. The package has: ${Object.keys(pkg.networks).join(', ')}.`,
    });
  const table = options.table ?? allProviders;
  const wanted = options.providers ?? table.map((p) => p.name);
  const skipped: SkippedProvider[] = [];
  for (const name of wanted) {
    const provider = table.find((p) => p.name === name);
    const reason = provider === undefined ? 'there is no such provider' : await provider.missing();
    if (provider === undefined || reason !== null) {
      skipped.push({ provider: name, code: 'MODEL_PROVIDER_UNAVAILABLE', detail: reason ?? '' });
      continue;
    }
    const opened = await tryProvider(pkg, provider, network.bytes);
    if ('code' in opened) {
      skipped.push(opened);
      continue;
    }
    const { session, parity } = opened;
    const { name: model, version } = pkg.manifest;
    return {
      package: pkg,
      identity: { name: model, version, variant, provider: name },
      session,
      parity,
      skipped,
      close: () => session.close(),
    };
  }
  const differs = skipped.some((s) => s.code === 'MODEL_PARITY_FAILED');
  throw new ServiceError(differs ? 'MODEL_PARITY_FAILED' : 'MODEL_PROVIDER_UNAVAILABLE', {
    detail: skipped.map((s) => `${s.provider}: ${s.detail}`).join('; '),
  });
}

async function tryProvider(
  pkg: ModelPackage,
  provider: Provider,
  network: Uint8Array,
): Promise<SkippedProvider | { readonly session: Session; readonly parity: Parity }> {
  let session: Session;
  let parity: Parity;
  try {
    session = await provider.open(network);
  } catch (error) {
    return { provider: provider.name, code: 'MODEL_PROVIDER_UNAVAILABLE', detail: firstLine(error) };
  }
  try {
    parity = await measureParity(pkg, session);
  } catch (error) {
    await session.close();
    return { provider: provider.name, code: 'MODEL_PARITY_FAILED', detail: firstLine(error) };
  }
  const broken = brokenTolerance(parity, pkg.golden.tolerance);
  if (broken === null) return { session, parity };
  await session.close();
  return { provider: provider.name, code: 'MODEL_PARITY_FAILED', detail: broken };
}

/** Runs every golden case, pixels to outputs. @throws MODEL_PARITY_FAILED when a tensor differs from the training's */
export async function measureParity(pkg: ModelPackage, session: Session): Promise<Parity> {
  const { input, outputs } = pkg.manifest;
  const worst = { logits: 0, cam: 0, features: 0 };
  for (const golden of pkg.golden.cases) {
    const tensor = toTensor(
      prepareImage(greyImage8(golden.rows, golden.columns, golden.pixels), input),
      input,
    );
    const mean = tensor.reduce((sum, value) => sum + value, 0) / tensor.length;
    const off = Math.max(
      Math.abs(mean - golden.tensor.mean),
      largestDifference(tensor.subarray(0, 16), golden.tensor.first),
    );
    if (!(off <= 1e-3)) {
      throw new ServiceError('MODEL_PARITY_FAILED', {
        detail: `The input tensor of ${golden.name} differs.`,
      });
    }
    const wanted = { logits: golden.logits, cam: golden.cam, features: golden.features };
    const results = await session.run(input.name, tensor, input.shape, [
      outputs.logits.name,
      outputs.cam.name,
      outputs.features.name,
    ]);
    for (const key of ['logits', 'cam', 'features'] as const) {
      const difference = largestDifference(results.get(outputs[key].name) ?? [], wanted[key]);
      // A value that is not a number must not be lost in a maximum.
      worst[key] = Number.isNaN(difference) ? Infinity : Math.max(worst[key], difference);
    }
  }
  return worst;
}

function brokenTolerance(parity: Parity, tolerance: Golden['tolerance']): string | null {
  const broken = (['logits', 'cam', 'features'] as const).filter((key) => !(parity[key] <= tolerance[key]));
  return broken.length === 0
    ? null
    : broken
        .map((key) => `${key} differ by ${parity[key].toPrecision(3)} (allowed ${tolerance[key]})`)
        .join(', ');
}

function largestDifference(actual: ArrayLike<number>, wanted: ArrayLike<number>): number {
  if (actual.length !== wanted.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < wanted.length; i++) {
    const difference = Math.abs(actual[i]! - wanted[i]!);
    if (Number.isNaN(difference)) return Number.NaN;
    if (difference > largest) largest = difference;
  }
  return largest;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]?.slice(0, 300) ?? '';
}
