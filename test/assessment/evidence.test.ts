import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEvidence } from '#assessment/evidence';
import { sandboxTenant } from '#assessment/sandbox-tenant';
import type { AssessedStudy } from '#core/assessment';
import { errorTable } from '#core/error';
import { type Clinic, clinicTenant, openClinic, speaking } from '../support/clinic.ts';
import { result } from '../support/store.ts';

describe('the evidence of a stored assessment', () => {
  let clinic: Clinic;
  beforeAll(async () => {
    clinic = await openClinic();
  });
  afterAll(() => clinic?.close());

  let count = 0;
  /** Stores a result of the deployed model and gives its id. */
  async function stored(change: Partial<AssessedStudy['assessment']> = {}): Promise<string> {
    count += 1;
    await clinic.open([{ uid: `2.25.${4000 + count}`, started: '2026-11-19' }]);
    const whole = result();
    const { name, version } = clinic.pkg.manifest;
    const explanation = { finding: 'pneumonia', grid: [1, 1] as const, cellPixels: 32, values: [1] };
    const id = await clinic.queue.complete(await clinic.claim(), {
      assessment: {
        ...whole.assessment,
        model: { name, version, variant: 'fp32', provider: 'cpu' },
        ...change,
      },
      private: { ...(whole.private as NonNullable<AssessedStudy['private']>), explanations: [explanation] },
    });
    return id as string;
  }
  const evidenceOf = (id: string, models = clinic.models, tenant = clinicTenant) =>
    createEvidence(clinic.parts.store, models, tenant)(id);

  it('is the result as cards tell it, every gate, the explanation and what it ran on', async () => {
    const id = await stored();
    const evidence = await evidenceOf(id);
    expect(evidence).toMatchObject({
      reason: null,
      provider: 'cpu',
      image: '../sandbox/ehr/previews/2.25.1.1',
    });
    expect(evidence?.result?.findings[0]?.probability).toBe(0.25);
    expect(evidence?.explanations).toHaveLength(1);
    expect(evidence?.gates).toHaveLength(1);
    expect(JSON.stringify({ ...evidence, explanations: [] })).not.toContain('logits');
  });

  it('of an abstention is its reason with what would help, and no explanation', async () => {
    const reason = { code: 'GATE_VIEW', text: 'Not frontal.' } as const;
    const evidence = await evidenceOf(await stored({ status: 'abstained', reason, findings: [] }));
    expect(evidence).toMatchObject({
      result: null,
      explanations: [],
      reason: { ...reason, help: errorTable.GATE_VIEW.help },
    });
  });

  it('of an image that has no name of its own has no picture', async () => {
    expect((await evidenceOf(await stored({ image: null })))?.image).toBeNull();
  });

  it.each([
    ['is not deployed any more', () => []],
    ['is of another version now', () => [speaking(clinic.pkg, { version: '99.0.0' })]],
    ['runs in shadow', () => [speaking(clinic.pkg, { state: 'shadow' })]],
  ])('of a model that %s is no result and no explanation', async (_how, models) => {
    const evidence = await evidenceOf(await stored(), models());
    expect(evidence).toMatchObject({ result: null, explanations: [], reason: { code: 'NO_MODEL' } });
  });

  it('of another tenant, of nothing, and of what is no id: none', async () => {
    const id = await stored();
    expect(await evidenceOf(id, clinic.models, { ...clinicTenant, id: 'elsewhere' })).toBeNull();
    expect(await evidenceOf(crypto.randomUUID())).toBeNull();
    expect(await evidenceOf("' or 1=1 --")).toBeNull();
  });
});

describe('the tenant of the sandbox', () => {
  it('on this machine reaches loopback alone, and only its own servers get the token', () => {
    const { anonymous, fhirServers, imagingServers } = sandboxTenant('http://localhost:3000');
    expect(anonymous).toBe(true);
    const own = [...fhirServers, ...imagingServers].filter(({ base }) =>
      base.startsWith('http://localhost:3000/sandbox/'),
    );
    expect(own).toHaveLength(3);
    for (const { addresses } of own) expect(addresses).toEqual(['127.0.0.0/8', '::1/128']);
    for (const { base, sendToken } of imagingServers)
      expect([base.startsWith('http://localhost:3000/sandbox/dicomweb'), sendToken]).toEqual([true, true]);
  });

  it('under a public address reaches that address, wherever it is', () => {
    const [own] = sandboxTenant('https://fovea.example/base').fhirServers;
    expect(own?.base).toBe('https://fovea.example/base/sandbox/fhir');
    expect(own?.addresses).toContain('0.0.0.0/0');
  });
});
