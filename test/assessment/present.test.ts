import { beforeAll, describe, expect, it } from 'vitest';
import { createPresenter } from '#assessment/present';
import { sandboxTenant } from '#assessment/sandbox-tenant';
import type { Assessment, FindingResult } from '#core/assessment';
import { outOf } from '#core/shares';
import type { Tenant } from '#core/tenant';
import { cardOf } from '#hooks/imaging-assessment/card';
import { loadPackage } from '#inference/package';
import type { ModelPackage } from '#inference/package-types';
import { shippedPackage } from '../support/model-packages.ts';
import { result } from '../support/store.ts';

const base = sandboxTenant('http://localhost:3000');
const tenantWith = (prevalence: Tenant['prevalence']): Tenant => ({ ...base, prevalence });
const logit = (p: number): number => Math.log(p / (1 - p));

const [template] = result(0.6).assessment.findings as [FindingResult];
const stored = (findings: readonly Partial<FindingResult>[]) => ({
  id: '5bd7d9c4-7d0c-4a53-8b67-0d0d4ab4f8ae',
  created: new Date('2026-11-20T10:00:00Z'),
  assessment: {
    ...result().assessment,
    findings: findings.map((finding) => ({ ...template, ...finding })),
  } as Assessment,
});

describe('a stored result as it is told', () => {
  let pkg: ModelPackage;
  beforeAll(async () => {
    pkg = await loadPackage((await shippedPackage()) as string);
  });
  const present = (tenant: Tenant, findings: readonly Partial<FindingResult>[], use = 'research') =>
    createPresenter({ package: pkg, state: 'active', use }).present(tenant, stored(findings));
  const calibrationOf = () => pkg.calibration['pneumonia'] as ModelPackage['calibration'][string];
  const named = (share: number) => ({ [`${pkg.manifest.name}/pneumonia`]: share });

  it('without a share of the tenant’s own nothing moves, and the share told is that of the calibration set', () => {
    const [told] = present(tenantWith({}), [{ probability: 0.6, interval: [0.4, 0.7] }]).findings;
    expect(told?.probability).toBe(0.6);
    expect(told?.interval).toEqual([0.4, 0.7]);
    const { prevalence } = calibrationOf();
    expect(told?.prevalence).toEqual({ value: prevalence, source: 'calibration', calibration: prevalence });
  });

  it('a share for another model or finding moves nothing', () => {
    const [told] = present(tenantWith({ 'other/pneumonia': 0.1, [`${pkg.manifest.name}/other`]: 0.1 }), [
      { probability: 0.6 },
    ]).findings;
    expect(told?.probability).toBe(0.6);
    expect(told?.prevalence.source).toBe('calibration');
  });

  it.each([0.01, 0.2, 0.5, 0.9])(
    'at a share of %d: logit p′ = logit p + logit π_tenant − logit π_calibration, both ends of the interval too',
    (share) => {
      const values = [0.05, 0.6, 0.97];
      const [told] = present(tenantWith(named(share)), [
        { probability: values[1] as number, interval: [values[0] as number, values[2] as number] },
      ]).findings;
      const shift = logit(share) - logit(calibrationOf().prevalence);
      const moved = [told?.interval[0], told?.probability, told?.interval[1]].map((p) => logit(p as number));
      for (const [index, value] of moved.entries())
        expect(value).toBeCloseTo(logit(values[index] as number) + shift, 9);
      expect(told?.prevalence).toEqual({
        value: share,
        source: 'tenant',
        calibration: calibrationOf().prevalence,
      });
    },
  );

  it('a certain probability stays certain, whatever the share', () => {
    const [told] = present(tenantWith(named(0.2)), [{ probability: 1, interval: [0, 1] }]).findings;
    expect([told?.probability, told?.interval]).toEqual([1, [0, 1]]);
  });

  it('band, set and operating point stay as they were decided, however far the number moves', () => {
    const finding = { probability: 0.95, interval: [0.9, 0.98] as const, band: 'elevated' as const };
    const [here] = present(tenantWith({}), [finding]).findings;
    const [rare] = present(tenantWith(named(0.001)), [finding]).findings;
    expect(rare?.probability).toBeLessThan(0.05);
    expect(rare?.band).toBe('elevated');
    expect(rare?.operatingPoint?.sensitivity).toEqual(here?.operatingPoint?.sensitivity);
    expect(rare?.operatingPoint?.specificity).toEqual(here?.operatingPoint?.specificity);
  });

  it('elevated is told with the rule-in point, low with the rule-out point, indeterminate with none', () => {
    const pointOf = (band: FindingResult['band']) =>
      present(tenantWith({}), [{ band }]).findings[0]?.operatingPoint?.name ?? null;
    const points = calibrationOf().operatingPoints.map(({ name }) => name);
    expect(pointOf('elevated')).toBe(points.at(-1));
    expect(pointOf('low')).toBe(points[0]);
    expect(pointOf('indeterminate')).toBeNull();
  });

  it('predictive values are those of the share at which the probability is told', () => {
    const share = 0.2;
    const point = present(tenantWith(named(share)), [{ band: 'elevated' }]).findings[0]?.operatingPoint;
    const sensitivity = point?.sensitivity.value as number;
    const specificity = point?.specificity.value as number;
    const right = sensitivity * share;
    const wrong = (1 - specificity) * (1 - share);
    expect(point?.ppv.value).toBeCloseTo(right / (right + wrong), 12);
    expect(point?.falsePerTrue).toBeCloseTo(wrong / right, 12);
    expect(point?.ppv.interval[0]).toBeLessThan(point?.ppv.value as number);
    expect(point?.npv.value).toBeCloseTo(
      (specificity * (1 - share)) / (specificity * (1 - share) + (1 - sensitivity) * share),
      12,
    );
  });

  it('a finding without a calibration is not shown: the package that made it is another', () => {
    expect(() => present(tenantWith({}), [{ name: 'effusion' }])).toThrow(
      expect.objectContaining({ code: 'MODEL_PACKAGE_INVALID' }),
    );
  });

  it('an image that was never described is told as not known', () => {
    const presenter = createPresenter({ package: pkg, state: 'active', use: 'research' });
    const one = stored([{}]);
    const { image } = presenter.present(base, { ...one, assessment: { ...one.assessment, image: null } });
    expect(Object.values(image)).toEqual([null, null, null, null, null]);
  });

  it('the card names the share in every frequency that it tells', () => {
    const told = present(tenantWith(named(0.2)), [
      { probability: 0.95, interval: [0.9, 0.98], band: 'elevated' },
    ]);
    const { card } = cardOf(
      {
        studyKey: 'k',
        started: '2026-11-20',
        description: 'Chest',
        modalities: ['DX'],
        images: 1,
        overridden: false,
        state: 'final',
        result: told,
      },
      {
        links: {
          home: 'http://h',
          sourceAttributes: () => 'http://s',
          app: () => null,
        },
      } as never,
      null,
    );
    const { prevalence, probability } = told.findings[0] as (typeof told.findings)[number];
    for (const said of [
      `20 of 100 ${pkg.manifest.populationNoun} have pneumonia`,
      `from ${outOf(prevalence.calibration, 100)} at calibration`,
      `about ${outOf(probability, 100)} with this result have it`,
    ])
      expect(card.detail).toContain(said);
  });

  describe('of exclusive classes', () => {
    const both = () => {
      const calibration = calibrationOf();
      const exclusive: ModelPackage = {
        ...pkg,
        manifest: { ...pkg.manifest, exclusive: true },
        calibration: {
          pneumonia: calibration,
          other: { ...calibration, prevalence: 1 - calibration.prevalence },
        },
      };
      return createPresenter({ package: exclusive, state: 'active', use: 'research' });
    };
    const classes = [
      { name: 'pneumonia', probability: 0.7, interval: [0.6, 0.8] as const },
      { name: 'other', probability: 0.3, interval: [0.2, 0.4] as const },
    ];

    it('all shares named: weights π′ / π, renormalised to 1', () => {
      const { findings } = both().present(
        tenantWith({ ...named(0.3), [`${pkg.manifest.name}/other`]: 0.7 }),
        stored(classes),
      );
      const { prevalence } = calibrationOf();
      const weights = [(0.7 * 0.3) / prevalence, (0.3 * 0.7) / (1 - prevalence)];
      const total = (weights[0] as number) + (weights[1] as number);
      expect(findings[0]?.probability).toBeCloseTo((weights[0] as number) / total, 12);
      expect((findings[0]?.probability as number) + (findings[1]?.probability as number)).toBeCloseTo(1, 12);
    });

    it('one share alone moves nothing and is not named as the site’s', () => {
      const { findings } = both().present(tenantWith(named(0.3)), stored(classes));
      expect(findings.map(({ probability }) => probability)).toEqual([0.7, 0.3]);
      expect(findings.map(({ prevalence }) => prevalence.source)).toEqual(['calibration', 'calibration']);
      expect(findings[0]?.prevalence.value).toBe(calibrationOf().prevalence);
    });
  });
});
