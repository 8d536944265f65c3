import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkCard } from '#cds/card';
import { cdsServer, outcomeOf, patientView, type TestServer } from '../support/cds-server.ts';

interface HttpCase {
  readonly name: string;
  readonly change?: Readonly<Record<string, unknown>>;
  readonly without?: readonly string[];
  readonly body?: unknown;
  readonly raw?: string;
  readonly status: number;
  readonly code?: string;
  readonly text?: string;
  readonly saved?: readonly unknown[];
}

function casesOf<T>(name: string): readonly T[] {
  const file = path.join(import.meta.dirname, 'cases', `${name}.json`);
  return (JSON.parse(readFileSync(file, 'utf8')) as { readonly cases: readonly T[] }).cases;
}

function bodyOf(one: HttpCase): string {
  if (one.raw !== undefined) return one.raw;
  if (one.body !== undefined) return JSON.stringify(one.body);
  const whole = patientView(one.change);
  for (const name of one.without ?? []) delete whole[name];
  return JSON.stringify(whole);
}

describe.each(['request', 'feedback'])('%s', (name) => {
  const url = name === 'feedback' ? '/cds-services/demo/feedback' : '/cds-services/demo';
  let server: TestServer;
  beforeAll(async () => {
    server = await cdsServer({ fhirServers: ['https://fhir.example/r4'] });
  });
  afterAll(() => server.app.close());

  it.each(casesOf<HttpCase>(name).map((one) => [one.name, one] as const))('%s', async (_name, one) => {
    const { app, seen } = server;
    const before = {
      requests: seen.requests.length,
      feedback: seen.feedback.length,
      issued: seen.issued.length,
    };
    const answer = await app.inject({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/json' },
      payload: bodyOf(one),
    });
    expect(answer.statusCode, answer.body).toBe(one.status);
    if (one.status === 200) {
      if (name === 'request') expect(seen.requests).toHaveLength(before.requests + 1);
      else expect(seen.feedback.slice(before.feedback)).toEqual([{ serviceId: 'demo', entries: one.saved }]);
      return;
    }
    expect(answer.headers['content-type']).toBe('application/fhir+json; charset=utf-8');
    const outcome = outcomeOf(answer.body);
    expect(outcome.code).toBe(one.code);
    if (one.text !== undefined) expect(outcome.text).toBe(one.text);
    // Nothing of a refused call reaches a service or a store.
    expect({
      requests: seen.requests.length,
      feedback: seen.feedback.length,
      issued: seen.issued.length,
    }).toEqual(before);
  });
});

describe('cards', () => {
  const cases = casesOf<{ name: string; card: unknown; problems: string[] }>('cards');
  it.each(cases.map((one) => [one.name, one] as const))('%s', (_name, { card, problems }) => {
    expect(checkCard(card)).toEqual(problems);
  });
});
