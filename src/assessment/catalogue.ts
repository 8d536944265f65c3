import { asServiceError, type ErrorCode, ServiceError } from '#core/error';
import { loadPackage } from '#inference/package';
import type { ModelPackage } from '#inference/package-types';
import { compareVersions, findPackage, listPackages, type PackageFolder } from '#inference/packages';
import type { DeployedModel } from './deployed.ts';

/** A package that breaks a rule, and which. */
export interface RefusedPackage extends PackageFolder {
  readonly code: ErrorCode;
  readonly text: string;
  /** The rule, without the text of the code. */
  readonly detail: string | null;
}

/** Every package of this Fovea: those that hold and those that are refused. */
export interface Catalogue {
  readonly packages: readonly ModelPackage[];
  readonly refused: readonly RefusedPackage[];
}

/** `name@version`. */
export function idOf(pkg: {
  readonly manifest: { readonly name: string; readonly version: string };
}): string {
  return `${pkg.manifest.name}@${pkg.manifest.version}`;
}

/** Loads and verifies every package below the roots. A bad one is refused with its reason; the others are there. */
export async function loadCatalogue(roots: readonly string[]): Promise<Catalogue> {
  const folders = await listPackages(roots);
  const loaded = await Promise.all(
    folders.map((folder) =>
      loadPackage(folder.folder).then(
        (pkg) => ({ pkg }),
        (error: unknown) => {
          const failure = asServiceError(error, 'MODEL_PACKAGE_INVALID');
          return {
            refused: { ...folder, code: failure.code, text: failure.message, detail: failure.detail ?? null },
          };
        },
      ),
    ),
  );
  return {
    packages: loaded.flatMap((one) => ('pkg' in one ? [one.pkg] : [])),
    refused: loaded.flatMap((one) => ('refused' in one ? [one.refused] : [])),
  };
}

/** What a configuration says of one package. */
export interface DeploymentLine {
  readonly model: string;
  readonly version: string;
  readonly state: 'active' | 'shadow' | 'retired';
  readonly use: string;
}

/**
 * The models that speak (or run in shadow). Without deployments the newest verified version of each is active, for
 * research use.
 *
 * @throws ServiceError CONFIG_INVALID when a deployment names a package that is not there or was refused, or that
 *   another one names already, or when two versions of one model would speak about the same study
 */
export function deployedModels(
  catalogue: Catalogue,
  deployments: readonly DeploymentLine[] | null,
): readonly DeployedModel<ModelPackage>[] {
  if (deployments === null) {
    // Packages come newest first; a refused one does not stand in the way of an older one that holds.
    const newest = catalogue.packages.filter(
      (pkg, index, all) => all.findIndex((other) => other.manifest.name === pkg.manifest.name) === index,
    );
    return newest.map((pkg) => ({ package: pkg, state: 'active', use: 'research' }));
  }
  return deployments.flatMap(({ model, version, state, use }, index) => {
    if (deployments.findIndex((one) => one.model === model && one.version === version) < index)
      throw new ServiceError('CONFIG_INVALID', { detail: `${model}@${version} is deployed twice.` });
    const isActive = (one: DeploymentLine): boolean => one.model === model && one.state === 'active';
    if (state === 'active' && deployments.findIndex(isActive) < index)
      throw new ServiceError('CONFIG_INVALID', { detail: `Two versions of ${model} are active.` });
    if (state === 'retired') return [];
    const pkg = catalogue.packages.find(
      (one) => one.manifest.name === model && one.manifest.version === version,
    );
    if (pkg === undefined) {
      const refused = catalogue.refused.find((one) => one.name === model && one.version === version);
      throw new ServiceError('CONFIG_INVALID', {
        detail: `The deployment of ${model}@${version} cannot be made: ${refused === undefined ? 'there is no such package.' : refused.text}`,
      });
    }
    return [{ package: pkg, state, use }];
  });
}

/**
 * A verified package by `name` (then the newest) or `name@version`.
 *
 * @throws ServiceError MODEL_NOT_FOUND, or the reason for which it was refused
 */
export function packageOf(catalogue: Catalogue, wanted: string): ModelPackage {
  const all = [
    ...catalogue.packages.map((pkg) => ({
      name: pkg.manifest.name,
      version: pkg.manifest.version,
      folder: pkg.folder,
    })),
    ...catalogue.refused,
  ];
  const { name, version } = findPackage(newestFirst(all), wanted);
  const pkg = catalogue.packages.find(
    (one) => one.manifest.name === name && one.manifest.version === version,
  );
  if (pkg !== undefined) return pkg;
  const refused = catalogue.refused.find((one) => one.name === name && one.version === version);
  throw new ServiceError(refused?.code ?? 'MODEL_NOT_FOUND', {
    ...(refused?.detail != null && { detail: refused.detail }),
  });
}

function newestFirst(folders: readonly PackageFolder[]): readonly PackageFolder[] {
  return [...folders].sort(
    (a, b) => a.name.localeCompare(b.name, 'en') || -compareVersions(a.version, b.version),
  );
}
