import { describe, expect, it } from 'vitest';
import { checkAction } from '#cds/card';
import { checkResponse } from '#cds/response';
import type { Card, ServiceResponse } from '#cds/types';
import { ServiceError } from '#core/error';
import { cdsServer, outcomeOf, patientView, plainCard } from '../support/cds-server.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const own = '4e0a3a1e-1ce7-47e2-8e2b-0d1d9ba32d5a';
const long = { ...plainCard, summary: 'x'.repeat(140) };

async function answered(response: ServiceResponse) {
  const { app, seen } = await cdsServer({ handle: async () => response });
  const answer = await app.inject({ method: 'POST', url: '/cds-services/demo', payload: patientView() });
  return { answer, body: answer.json(), seen };
}

describe('the answer to a hook', () => {
  it('item 19 @74 200 with a cards array', async () => {
    const { answer, body } = await answered({ cards: [{ card: plainCard }] });
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(body).toEqual({ cards: [{ ...plainCard, uuid: expect.stringMatching(uuid) }] });
  });

  it('item 19 @77 @3 no guidance is 200 with an empty cards array', async () => {
    const { answer, seen } = await answered({ cards: [] });
    expect([answer.statusCode, answer.body]).toEqual([200, '{"cards":[]}']);
    expect(seen.issued).toEqual([]);
  });

  it('item 24 @80 @82 every card and suggestion gets a uuid of its own, and the service is told which went out', async () => {
    const card: Card = {
      ...plainCard,
      suggestions: [{ label: 'a' }, { label: 'b', uuid: own }],
      selectionBehavior: 'any',
    };
    const { body, seen } = await answered({
      cards: [{ card, subject: { study: 's' } }, { card: { ...plainCard, uuid: own } }],
    });
    const [first, second] = body.cards;
    expect(first.uuid).toMatch(uuid);
    expect(first.suggestions[0].uuid).toMatch(uuid);
    expect(first.suggestions[0].uuid).not.toBe(first.uuid);
    expect(first.suggestions[1].uuid).toBe(own);
    expect(second.uuid).toBe(own);
    expect(seen.issued).toEqual([
      { uuid: first.uuid, subject: { study: 's' } },
      { uuid: own, subject: {} },
    ]);
    expect(JSON.stringify(body)).not.toContain('study');
  });

  it('a card that breaks the standard is left out, told of and not remembered; the rest is sent', async () => {
    const { answer, body, seen } = await answered({
      cards: [{ card: long }, { card: { ...plainCard, uuid: own } }],
    });
    expect(answer.statusCode).toBe(200);
    expect(body.cards).toEqual([{ ...plainCard, uuid: own }]);
    expect(seen.badCards).toEqual([
      {
        serviceId: 'demo',
        hook: 'patient-view',
        problems: ['summary: has 140 characters; fewer than 140 are allowed'],
      },
    ]);
    expect(seen.issued).toEqual([{ uuid: own, subject: {} }]);
  });

  it('when no card is left the call fails: an empty answer would be read as nothing to say', async () => {
    const { answer, seen } = await answered({ cards: [{ card: long }] });
    expect(answer.statusCode).toBe(500);
    expect(seen.badCards).toHaveLength(1);
    expect(seen.issued).toEqual([]);
  });

  it('item 31 @75 systemActions are sent when a service gives any, each with its description', async () => {
    const good = { type: 'delete', description: 'x', resourceId: 'Task/1' } as const;
    const { body, seen } = await answered({
      cards: [],
      systemActions: [good, { type: 'delete', description: 'x' }],
    });
    expect(body).toEqual({ cards: [], systemActions: [good] });
    expect(seen.badCards[0]?.problems).toEqual(['systemActions[1].resourceId: is missing or not Type/id']);
  });

  it('item 31 @3 no systemActions, or none that may be sent: the member is absent', () => {
    const told: (readonly string[])[] = [];
    const systemActions = [{ type: 'create', description: 'x' }] as const;
    expect(checkResponse({ cards: [], systemActions }, (problems) => told.push(problems)).wire).toEqual({
      cards: [],
    });
    expect(told).toEqual([['systemActions[0].resource: is not a FHIR resource']]);
    expect(checkResponse({ cards: [] }, () => undefined)).toEqual({ wire: { cards: [] }, issued: [] });
  });

  it('@3 an action outside of a card is held to the rule of nothing empty as well', () => {
    expect(
      checkAction(
        { type: 'delete', description: 'x', resourceId: 'Task/1', extension: { 'org.example': {} } },
        'a',
      ),
    ).toEqual(['a.extension.org.example: is empty']);
  });

  it('what JSON cannot say is refused', async () => {
    const extension = {
      'org.example': {
        a: Number.NaN,
        b: Number.POSITIVE_INFINITY,
        c: () => 1,
        d: 1n,
        e: Symbol('x'),
        f: [undefined],
        g: undefined,
      },
    };
    const { seen } = await answered({ cards: [{ card: { ...plainCard, extension } }] });
    expect(seen.badCards[0]?.problems).toEqual([
      'extension.org.example.a: is not a number that JSON knows',
      'extension.org.example.b: is not a number that JSON knows',
      'extension.org.example.c: is not JSON',
      'extension.org.example.d: is not JSON',
      'extension.org.example.e: is not JSON',
      'extension.org.example.f[0]: is null',
    ]);
  });

  it.each([null, 'card', [plainCard]])('a card that is %j is none', async (card) => {
    const problems: (readonly string[])[] = [];
    checkResponse({ cards: [{ card: card as never }] }, (found) => problems.push(found));
    expect(problems).toEqual([['card: is not an object']]);
  });

  it('cards that cannot be remembered are not sent: 503 with Retry-After', async () => {
    const { app } = await cdsServer({
      ports: { cardsIssued: () => Promise.reject(new ServiceError('STORE_FULL', { retryAfter: 60 })) },
    });
    const answer = await app.inject({ method: 'POST', url: '/cds-services/demo', payload: patientView() });
    expect(answer.statusCode).toBe(503);
    expect(answer.headers['retry-after']).toBe('60');
    expect(outcomeOf(answer.body).code).toBe('STORE_FULL');
  });
});
