import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FoveaProcess, startFovea } from '../support/fovea-process.ts';

interface Case {
  readonly id: string;
  readonly title: string;
  readonly expected: {
    readonly status: string;
    readonly band: string | null;
    readonly reasonCode: string | null;
  };
  readonly patient: { readonly id: string };
  readonly studies: readonly unknown[];
  readonly endpoint: string;
}

interface CardAnswer {
  readonly summary: string;
  readonly detail: string;
  readonly indicator: string;
  readonly uuid: string;
  readonly extension: {
    readonly 'health.fovea.assessment': {
      readonly state: string;
      readonly findings?: readonly { readonly band: string; readonly probability: number }[];
      readonly reason?: { readonly code: string };
    };
  };
}

const cases = JSON.parse(
  readFileSync(path.resolve(import.meta.dirname, '..', '..', 'sandbox', 'data', 'cases.json'), 'utf8'),
) as Case[];

/** Opens the chart as `curl` would: no token, no prefetch, the sandbox’s FHIR server. */
async function openChart(
  base: string,
  patientId: string,
): Promise<{ status: number; cards: CardAnswer[]; milliseconds: number }> {
  const started = performance.now();
  const answer = await fetch(`${base}/cds-services/imaging-assessment`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      hook: 'patient-view',
      hookInstance: crypto.randomUUID(),
      fhirServer: `${base}/sandbox/fhir`,
      context: { userId: 'Practitioner/demo', patientId },
    }),
  });
  const body = (await answer.json()) as { cards: CardAnswer[] };
  return { status: answer.status, cards: body.cards, milliseconds: performance.now() - started };
}

/** The chart opened again until nothing is pending any more. */
async function settled(base: string, patientId: string): Promise<CardAnswer[]> {
  for (let tries = 0; tries < 60; tries++) {
    const { cards } = await openChart(base, patientId);
    if (cards.every((card) => stateOf(card) !== 'pending')) return cards;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Error('still pending');
}

const stateOf = (card: CardAnswer) => card.extension['health.fovea.assessment'].state;

describe('every sandbox patient, from the hook to the card', () => {
  let fovea: FoveaProcess;
  beforeAll(async () => {
    fovea = await startFovea('sandbox');
  });
  afterAll(() => fovea?.stop());

  it('there are at least 12 patients, each a case', () => {
    expect(cases.length).toBeGreaterThanOrEqual(12);
    expect(new Set(cases.map((one) => one.id)).size).toBe(cases.length);
  });

  it.each(cases)('$id: $title', async ({ patient, expected, studies }) => {
    const cards = await settled(fovea.base, patient.id);
    if (studies.length === 0) {
      expect(cards).toEqual([]);
      return;
    }
    const card = cards[0] as CardAnswer;
    expect(card, 'a card').toBeDefined();
    const told = card.extension['health.fovea.assessment'];
    expect(told.state).toBe(expected.status);
    if (expected.band !== null) expect(told.findings?.[0]?.band).toBe(expected.band);
    if (expected.reasonCode !== null) expect(told.reason?.code).toBe(expected.reasonCode);
    expect(card.indicator).toBe('info');
    expect(card.summary.length).toBeLessThan(140);
  });

  it('the second time a result comes from the store', async () => {
    const elevated = cases.find((one) => one.expected.band === 'elevated') as Case;
    const { status, cards } = await openChart(fovea.base, elevated.patient.id);
    expect(status).toBe(200);
    expect(stateOf(cards[0] as CardAnswer)).toBe('final');
  });

  it('the pages of the public CDS Hooks sandbox may call in the browser, and no other pages', async () => {
    const allowed = async (origin: string) => {
      const answer = await fetch(`${fovea.base}/cds-services/imaging-assessment`, {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization,content-type',
        },
      });
      return answer.headers.get('access-control-allow-origin');
    };
    expect(await allowed('https://sandbox.cds-hooks.org')).toBe('https://sandbox.cds-hooks.org');
    expect(await allowed('https://elsewhere.example')).toBeNull();
  });

  it('nothing of a patient is in the log', () => {
    const uids = JSON.stringify(cases).match(/2\.25\.\d+/g) ?? [];
    for (const one of [
      ...uids,
      ...cases.map(({ patient }) => (patient as { family?: string }).family ?? ''),
    ]) {
      if (one !== '') expect(fovea.output()).not.toContain(one);
    }
  });
});
