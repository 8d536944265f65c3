import { describe, expect, it } from 'vitest';
import { parseFeedback } from '#cds/feedback';
import { ServiceError } from '#core/error';
import { cdsServer, outcomeOf } from '../support/cds-server.ts';

const entry = {
  card: '4e0a3a1e-1ce7-47e2-8e2b-0d1d9ba32d5a',
  outcome: 'overridden',
  outcomeTimestamp: '2026-11-24T08:00:00Z',
};
const withComment = (userComment: string) => ({ feedback: [{ ...entry, overrideReason: { userComment } }] });

describe('feedback', () => {
  it('100 entries are taken and 101 refused', () => {
    expect(
      parseFeedback({ feedback: Array.from({ length: 100 }, (_, n) => ({ ...entry, card: `c${n}` })) }),
    ).toHaveLength(100);
    expect(() => parseFeedback({ feedback: Array(101).fill(entry) })).toThrow(
      'feedback has more than 100 entries.',
    );
  });

  it('50 accepted suggestions of one entry are taken and 51 refused', () => {
    const accepted = (count: number) => ({
      feedback: [
        {
          ...entry,
          outcome: 'accepted',
          acceptedSuggestions: Array.from({ length: count }, (_, n) => ({ id: `s${n}` })),
        },
      ],
    });
    expect(parseFeedback(accepted(50))[0]?.acceptedSuggestions).toHaveLength(50);
    expect(() => parseFeedback(accepted(51))).toThrow(
      'feedback[0].acceptedSuggestions has more than 50 entries.',
    );
  });

  it('a comment of 4000 characters is taken and one of 4001 refused', () => {
    expect(parseFeedback(withComment('x'.repeat(4000)))[0]?.overrideReason?.userComment).toHaveLength(4000);
    expect(() => parseFeedback(withComment('x'.repeat(4001)))).toThrow(
      'feedback[0].overrideReason.userComment is not a string of at most 4000 characters.',
    );
  });

  it('item 33 @148 the endpoint answers 200 without a body, and a repeat answers the same', async () => {
    const { app, seen } = await cdsServer();
    for (let time = 1; time <= 2; time += 1) {
      const answer = await app.inject({
        method: 'POST',
        url: '/cds-services/demo/feedback',
        payload: { feedback: [entry] },
      });
      expect([answer.statusCode, answer.body]).toEqual([200, '']);
      expect(seen.feedback).toHaveLength(time);
    }
    expect(seen.feedback[0]).toEqual(seen.feedback[1]);
  });

  it('item 35 the audience may be the feedback address or that of the service', async () => {
    const { app, seen } = await cdsServer();
    await app.inject({ method: 'POST', url: '/cds-services/demo/feedback', payload: { feedback: [entry] } });
    expect(seen.audiences).toEqual([
      ['https://cds.example/cds-services/demo/feedback', 'https://cds.example/cds-services/demo'],
    ]);
  });

  it('feedback to a service that does not exist is refused', async () => {
    const { app, seen } = await cdsServer();
    const answer = await app.inject({
      method: 'POST',
      url: '/cds-services/none/feedback',
      payload: { feedback: [entry] },
    });
    expect(answer.statusCode).toBe(404);
    expect(outcomeOf(answer.body)).toEqual({
      code: 'SERVICE_NOT_FOUND',
      text: 'There is no CDS service of this id.',
    });
    expect(seen.feedback).toEqual([]);
  });

  it('a store that is lost is 503 with Retry-After', async () => {
    const { app } = await cdsServer({
      ports: { saveFeedback: () => Promise.reject(new ServiceError('STORE_UNAVAILABLE')) },
    });
    const answer = await app.inject({
      method: 'POST',
      url: '/cds-services/demo/feedback',
      payload: { feedback: [entry] },
    });
    expect(answer.statusCode).toBe(503);
    expect(answer.headers['retry-after']).toBe('5');
  });
});
