import type { Assessment, FindingResult } from '#core/assessment';
import { ServiceError } from '#core/error';
import type { FinalResult, FindingView, ModelFacts } from '#core/hook-tools';
import type { Manifest, OperatingPoint } from '#core/model-package';
import type { Tenant } from '#core/tenant';
import type { FindingCalibration, ModelPackage } from '#inference/package-types';
import { type OperatingPointValue, valueAtPrevalence } from '#statistics/operating-point';
import { shiftExclusivePrevalence, shiftPrevalence, type WithInterval } from '#statistics/prevalence';
import type { DeployedModel } from './deployed.ts';

/** Turns stored assessments of one deployed model into what cards and pages tell. */
export interface Presenter {
  readonly facts: ModelFacts;
  present(
    tenant: Tenant,
    stored: { readonly id: string; readonly created: Date; readonly assessment: Assessment },
  ): FinalResult;
  /** Every operating point of a finding where `prevalence` of the examined have it, (0, 1); lowest threshold first. */
  operatingPointsAt(finding: string, prevalence: number): readonly PointAtPrevalence[];
}

/** An operating point with what its calls are worth at one prevalence. */
export interface PointAtPrevalence {
  readonly point: OperatingPoint;
  readonly value: OperatingPointValue;
}

/** Predictive values that are kept: shares that somebody tries out are many. */
const mostValues = 256;

/**
 * Probabilities are stored at the calibration set's prevalence and moved to the tenant's here, on reading; band and
 * operating points stay as they were decided, because sensitivity and specificity hold under a change of prevalence.
 * Predictive values are computed once for each finding and prevalence.
 */
export function createPresenter(deployed: DeployedModel<ModelPackage>): Presenter {
  const pkg = deployed.package;
  const { manifest } = pkg;
  const values = new Map<string, OperatingPointValue>();
  const facts: ModelFacts = {
    name: manifest.name,
    version: manifest.version,
    title: manifest.title,
    population: manifest.population,
    populationNoun: manifest.populationNoun,
    use: deployed.use,
  };

  const pointValueOf = (finding: string, point: OperatingPoint, prevalence: number): OperatingPointValue => {
    const key = `${finding}/${point.name}/${prevalence}`;
    const known = values.get(key) ?? valueAtPrevalence(point.sensitivity, point.specificity, prevalence);
    values.delete(key);
    values.set(key, known);
    for (const oldest of values.keys()) {
      if (values.size <= mostValues) break;
      values.delete(oldest);
    }
    return known;
  };

  const calibrationOf = (finding: FindingResult): FindingCalibration => {
    const calibration = pkg.calibration[finding.name];
    if (calibration === undefined)
      throw new ServiceError('MODEL_PACKAGE_INVALID', { detail: 'A stored finding has no calibration.' });
    return calibration;
  };

  return {
    facts,
    operatingPointsAt: (finding, prevalence) =>
      (pkg.calibration[finding]?.operatingPoints ?? []).map((point) => ({
        point,
        value: pointValueOf(finding, point, prevalence),
      })),
    present(tenant, stored) {
      const { findings, image } = stored.assessment;
      const calibrations = findings.map(calibrationOf);
      const from = calibrations.map((calibration) => calibration.prevalence);
      const own = sharesOf(findings, manifest, tenant);
      const shifted = moved(findings, from, own, manifest.exclusive);
      return {
        assessmentId: stored.id,
        completed: stored.created,
        model: facts,
        image: image ?? { sopInstanceUid: null, view: null, modality: null, ageYears: null, studyDate: null },
        findings: findings.map((finding, index): FindingView => {
          const calibration = calibrations[index] as FindingCalibration;
          const prevalence = own[index] ?? calibration.prevalence;
          const spec = manifest.findings.find((one) => one.name === finding.name);
          const point = pointOf(finding, calibration);
          const { probability, interval } = shifted[index] as WithInterval;
          return {
            name: finding.name,
            label: spec?.label ?? finding.name,
            code: finding.code,
            probability,
            interval,
            band: finding.band,
            atypical: finding.atypical,
            zones: finding.zones,
            limits: spec?.limits ?? [],
            calibration: { method: 'venn-abers', n: calibration.n, patients: calibration.patients },
            prevalence: {
              value: prevalence,
              source: own[index] === null ? 'calibration' : 'tenant',
              calibration: calibration.prevalence,
            },
            operatingPoint:
              point === null ? null : pointView(point, pointValueOf(finding.name, point, prevalence)),
          };
        }),
      };
    },
  };
}

/**
 * The tenant's share of each finding, null where it names none. Of exclusive classes the shares count only together:
 * where one is not named, none is used, so that no card names a share to which its number was not moved.
 */
function sharesOf(
  findings: readonly FindingResult[],
  { name, exclusive }: Manifest,
  tenant: Tenant,
): readonly (number | null)[] {
  const own = findings.map((finding) => tenant.prevalence[`${name}/${finding.name}`] ?? null);
  return exclusive && own.includes(null) ? own.map(() => null) : own;
}

/** Exclusive classes move together. */
function moved(
  findings: readonly FindingResult[],
  from: readonly number[],
  own: readonly (number | null)[],
  exclusive: boolean,
): readonly WithInterval[] {
  const to = own.filter((one) => one !== null);
  if (exclusive)
    return to.length === findings.length ? shiftExclusivePrevalence(findings, from, to) : findings;
  return findings.map((finding, index) =>
    own[index] == null ? finding : shiftPrevalence(finding, from[index] as number, own[index]),
  );
}

/** The operating point that made the band: the highest for elevated, the lowest for low, none between. */
function pointOf(finding: FindingResult, calibration: FindingCalibration): OperatingPoint | null {
  if (finding.band === 'elevated') return calibration.operatingPoints.at(-1) ?? null;
  if (finding.band === 'low') return calibration.operatingPoints[0] ?? null;
  return null;
}

function pointView(
  point: OperatingPoint,
  value: OperatingPointValue,
): NonNullable<FindingView['operatingPoint']> {
  const { sensitivity, specificity, name } = point;
  return {
    name,
    sensitivity,
    specificity,
    ppv: value.ppv,
    npv: value.npv,
    falsePerTrue: value.falsePerTrue.value,
  };
}
