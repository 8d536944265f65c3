import type { InstanceReference, SeriesReference, StudyReference } from '#core/imaging';
import type { Manifest } from '#core/model-package';
import type { Tenant } from '#core/tenant';

/** What one deployment says of one package. `shadow` results are stored and never shown. */
export interface DeployedModel<
  Package extends { readonly manifest: Manifest } = { readonly manifest: Manifest },
> {
  readonly package: Package;
  readonly state: 'active' | 'shadow';
  /** `research`, `investigational` or `cleared:<id>`. */
  readonly use: string;
}

/**
 * Whether a model could read a study, as far as the record tells: one of its modalities is listed (or none is
 * stated). Everything finer is for the gates, which see the image.
 */
export function couldRead(study: StudyReference, manifest: Manifest): boolean {
  const stated = new Set([
    ...study.modalities,
    ...study.series.map((series) => series.modality).filter((one) => one !== null),
  ]);
  return stated.size === 0 || [...stated].some((modality) => manifest.selects.modality.includes(modality));
}

/**
 * How many images of a study a model could read: instances of its modalities and SOP classes where the record lists
 * them, else the number that the record states; null when it states none.
 */
export function countImages(study: StudyReference, manifest: Manifest): number | null {
  const series = study.series.filter((one) => couldReadSeries(one, manifest));
  if (series.length === 0 || series.some(({ instances }) => instances.length === 0))
    return study.numberOfInstances;
  return series.flatMap(({ instances }) => instances).filter((one) => couldReadInstance(one, manifest))
    .length;
}

/** Whether the record says of a series nothing that a model does not read. */
export function couldReadSeries({ modality }: SeriesReference, { selects }: Manifest): boolean {
  return modality === null || selects.modality.includes(modality);
}

/** Whether the record says of an instance nothing that a model does not read. */
export function couldReadInstance({ sopClassUid }: InstanceReference, { selects }: Manifest): boolean {
  return sopClassUid === null || selects.sopClass.includes(sopClassUid);
}

/** Whether a study began within the last `lookbackDays` days; one without a date counts as recent. */
export function isRecent(study: StudyReference, now: Date, lookbackDays: number): boolean {
  if (study.started === null) return true;
  const started = Date.parse(study.started);
  return Number.isNaN(started) || started >= now.getTime() - lookbackDays * 86_400_000;
}

/** The shares of a tenant, as `model/finding`, that are of no finding of a deployed model: written wrongly, or left over. */
export function unusedShares(tenant: Tenant, models: readonly DeployedModel[]): readonly string[] {
  const known = new Set(
    models.flatMap(({ package: { manifest } }) =>
      manifest.findings.map((finding) => `${manifest.name}/${finding.name}`),
    ),
  );
  return Object.keys(tenant.prevalence).filter((name) => !known.has(name));
}
