import { afterAll, beforeAll, expect, it } from 'vitest';
import { createAnswers, type NewAnswer } from '#store/answers';
import { createCards } from '#store/cards';
import type { Database } from '#store/database';
import { createFeedback } from '#store/feedback';
import { openFeedbackExport } from '#store/feedback-export';
import { studyHash } from '#store/keys';
import { createQueue } from '#store/queue';
import { describeDatabases, openPlace, type Place, request, result } from '../support/store.ts';

describeDatabases('answers of clinicians', (kind) => {
  let place: Place;
  let database: Database;
  let assessmentId: string;
  beforeAll(async () => {
    place = await openPlace(kind);
    database = await place.open();
    const queue = createQueue(database);
    await queue.start();
    await queue.enqueue(request(1));
    const [job] = await queue.claim(1);
    assessmentId = (await queue.complete(job!, result())) as string;
    await queue.stop();
  });
  afterAll(() => place?.close());

  const answer = (more: Partial<NewAnswer> = {}): NewAnswer => ({
    tenant: 'hospital',
    key: crypto.randomUUID(),
    assessmentId,
    studyHash: studyHash('hospital', '2.25.1'),
    kind: 'agree',
    finding: 'pneumonia',
    reason: null,
    outcome: null,
    comment: null,
    by: { server: 'https://ehr.example/fhir', reference: 'Practitioner/1', name: 'A', role: null },
    ...more,
  });
  const reason = { system: 's', code: 'absent', display: 'I do not see it' };

  it('many at once by one person make one chain, and the newest is the last of it', async () => {
    const answers = createAnswers(database);
    const made = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        answers.add(index % 2 === 0 ? answer() : answer({ kind: 'disagree', reason })),
      ),
    );
    const replaced = made.map(({ replaces }) => replaces).filter((one) => one !== null);
    expect(new Set(replaced).size).toBe(11);
    const stored = await answers.of('hospital', assessmentId);
    for (const [index, one] of stored.entries())
      expect(one.replaces).toBe(index === 0 ? null : stored[index - 1]?.id);
    const newest = await answers.newest('hospital', [assessmentId, crypto.randomUUID()]);
    expect([...newest]).toEqual([[assessmentId, stored.at(-1)]]);
  });

  it('one key sent by many at once is one answer; another answer under it is refused', async () => {
    const answers = createAnswers(database);
    const same = answer({ by: { ...answer().by, reference: 'Practitioner/2' } });
    const made = await Promise.all(Array.from({ length: 6 }, () => answers.add(same)));
    expect(new Set(made.map(({ id }) => id)).size).toBe(1);
    await expect(answers.add({ ...same, kind: 'not-relevant' })).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
    });
    await expect(
      answers.add({ ...same, by: { ...same.by, reference: 'Practitioner/3' } }),
    ).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  });

  it('another tenant sees none of them, and the same person at another server is another one', async () => {
    const answers = createAnswers(database);
    expect(await answers.of('other', assessmentId)).toEqual([]);
    expect((await answers.newest('other', [assessmentId])).size).toBe(0);
    const elsewhere = await answers.add(answer({ by: { ...answer().by, server: 'https://other.example' } }));
    expect(elsewhere.replaces).toBeNull();
  });

  it('an answer is never changed', async () => {
    const change = database.kysely.updateTable('answers').set({ comment: 'x' }).execute();
    await expect(change).rejects.toThrow('never changed');
  });

  it('are exported with their results, and what was told of cards beside them', async () => {
    const card = crypto.randomUUID();
    await createCards(database).issued([
      {
        id: card,
        tenant: 'hospital',
        service: 's',
        userKey: 'u',
        studyKey: 'k',
        model: { name: 'chest', version: '1.0.0' },
        finding: 'pneumonia',
        hookInstance: 'h',
        assessmentId,
      },
    ]);
    await createFeedback(database).save('hospital', 's', [
      {
        card,
        outcome: 'accepted',
        acceptedSuggestions: [],
        overrideReason: null,
        outcomeTimestamp: '2026-11-20T10:00:00Z',
      },
    ]);
    const source = await openFeedbackExport(database);
    expect(await source?.answers()).toHaveLength(14);
    expect((await source?.answers())?.[0]).toMatchObject({
      assessment: { status: 'final' },
      studyHash: studyHash('hospital', '2.25.1'),
      byReference: 'Practitioner/1',
    });
    expect(await source?.outcomes()).toMatchObject([
      { card, outcome: 'accepted', reason: null, of: { id: assessmentId, assessment: { status: 'final' } } },
    ]);
  });
});
