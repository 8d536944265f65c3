import type { AppOperatingPoint, AppPrevalenceView } from '#core/app';
import { ServiceError } from '#core/error';
import type { FindingView } from '#core/hook-tools';
import type { Tenant } from '#core/tenant';
import type { StoredAssessment } from '#store/assessments';
import type { SpeakingModel } from '../patient-assessments.ts';
import type { PointAtPrevalence } from '../present.ts';

/** A finding as it is told at the share at which it was presented. */
export function prevalenceView(
  { presenter }: SpeakingModel,
  finding: FindingView,
  asked = false,
): AppPrevalenceView {
  const { value, source } = finding.prevalence;
  return {
    prevalence: value,
    source: asked ? 'asked' : source,
    probability: finding.probability,
    interval: finding.interval,
    operatingPoints: presenter.operatingPointsAt(finding.name, value).map(pointView),
  };
}

/**
 * A stored finding at another share. Of exclusive classes the others keep their proportions among themselves.
 *
 * @throws ServiceError INVALID_REQUEST for a share outside of (0, 1) and for a finding that the result has not
 */
export function atPrevalence(
  tenant: Tenant,
  model: SpeakingModel,
  stored: StoredAssessment,
  asked: { readonly finding: string; readonly value: number },
): AppPrevalenceView {
  const { finding, value } = asked;
  if (!(value > 0 && value < 1))
    throw new ServiceError('INVALID_REQUEST', { detail: 'The share must lie between 0 and 1.' });
  const names =
    stored.assessment.status === 'final' ? stored.assessment.findings.map(({ name }) => name) : [];
  if (!names.includes(finding))
    throw new ServiceError('INVALID_REQUEST', { detail: 'The assessment has no such finding.' });
  const shares = sharesWith(tenant, model, names, finding, value);
  const { findings } = model.presenter.present(
    { ...tenant, prevalence: { ...tenant.prevalence, ...shares } },
    stored,
  );
  const view = findings.find(({ name }) => name === finding);
  if (view === undefined) throw new ServiceError('INTERNAL');
  return prevalenceView(model, view, true);
}

function sharesWith(
  tenant: Tenant,
  { package: { manifest, calibration } }: SpeakingModel,
  names: readonly string[],
  finding: string,
  value: number,
): Readonly<Record<string, number>> {
  const key = (name: string): string => `${manifest.name}/${name}`;
  if (!manifest.exclusive) return { [key(finding)]: value };
  const own = names.every((name) => tenant.prevalence[key(name)] !== undefined);
  const before = (name: string): number =>
    (own ? tenant.prevalence[key(name)] : calibration[name]?.prevalence) ?? 0;
  const others = names.filter((name) => name !== finding);
  const rest = others.reduce((sum, name) => sum + before(name), 0);
  return Object.fromEntries(
    names.map((name) => [key(name), name === finding ? value : (before(name) / rest) * (1 - value)]),
  );
}

function pointView({ point, value }: PointAtPrevalence): AppOperatingPoint {
  const { name, threshold, sensitivity, specificity } = point;
  const falsePerTrue = value.falsePerTrue.value;
  return {
    name,
    threshold,
    sensitivity,
    specificity,
    ppv: value.ppv,
    npv: value.npv,
    falsePerTrue: Number.isFinite(falsePerTrue) ? falsePerTrue : null,
  };
}
