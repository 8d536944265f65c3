import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { ServiceError } from '#core/error';
import { silentLog } from '#core/log';
import { type Assessments, askStatement, createAssessments, type StudyAsk } from '#store/assessments';
import { type Cards, createCards, type IssuedCard } from '#store/cards';
import { type Database, openDatabase } from '#store/database';
import { createFeedback, type FeedbackEntry, type FeedbackStore } from '#store/feedback';
import { jobIdOf } from '#store/keys';
import { maintain } from '#store/maintain';
import { migrate } from '#store/migrate';
import { createQueue, type Queue } from '#store/queue';
import { createReplay, type Replay } from '#store/replay';
import { startUpkeep } from '#store/upkeep';
import { fillStore } from '../../bench/support/fill-store.ts';
import { describeDatabases, model, openPlace, type Place, request, result } from '../support/store.ts';

describeDatabases('records', (kind) => {
  let place: Place;
  let database: Database;
  let queue: Queue;
  let assessments: Assessments;
  let cards: Cards;
  let feedback: FeedbackStore;
  let replay: Replay;
  beforeAll(async () => {
    place = await openPlace(kind);
    database = await place.open();
    queue = createQueue(database);
    assessments = createAssessments(database);
    cards = createCards(database);
    feedback = createFeedback(database);
    replay = createReplay(database);
  });
  afterAll(() => place.close());

  const assess = async (key: ReturnType<typeof request>, probability: number) => {
    await queue.enqueue(key);
    const [job] = await queue.claim(1);
    if (job === undefined) throw new Error('nothing to claim');
    return queue.complete(job, result(probability));
  };
  const card = (more: Partial<IssuedCard> = {}): IssuedCard => ({
    id: randomUUID(),
    tenant: 'hospital',
    service: 'imaging-assessment',
    userKey: 'user-1',
    studyKey: 'study-1',
    model,
    finding: 'pneumonia',
    hookInstance: randomUUID(),
    ...more,
  });
  const overridden = (id: string, more: Partial<FeedbackEntry> = {}): FeedbackEntry => ({
    card: id,
    outcome: 'overridden',
    acceptedSuggestions: [],
    overrideReason: {
      reason: { system: 'urn:x', code: 'known', display: 'Known' },
      userComment: 'seen before',
    },
    outcomeTimestamp: '2026-11-24T08:00:00.000Z',
    ...more,
  });

  it('migrating again changes nothing', async () => {
    expect(await migrate(database)).toEqual([]);
  });

  it('a migration that fails leaves nothing behind, and the next try applies it once', async () => {
    const broken = { number: 900, name: 'broken', sql: 'create table half (a int); select nonsense();' };
    await expect(migrate(database, [broken])).rejects.toThrow();
    const whole = { ...broken, sql: 'create table half (a int);' };
    const both = await Promise.all([migrate(database, [whole]), migrate(database, [whole])]);
    expect(both.flat()).toEqual([900]);
  });

  it('a hook’s studies are answered in their order, each with result, job or neither', async () => {
    const [done, open, unknown] = [request(1), request(2), request(3)];
    const id = await assess(done, 0.3);
    await queue.enqueue(open);
    const answers = await assessments.ask([unknown, open, done]);
    expect(answers).toEqual([
      { assessment: null, job: null, overridden: false },
      { assessment: null, job: expect.objectContaining({ state: 'queued', attempts: 0 }), overridden: false },
      {
        assessment: {
          id,
          created: expect.any(Date),
          contentDigest: done.contentDigest,
          assessment: result(0.3).assessment,
        },
        job: null,
        overridden: false,
      },
    ]);
    const [job] = await queue.claim(1);
    if (job !== undefined) await queue.complete(job, result());
  });

  it('a changed study and another model version have results of their own; the newest content is found without a digest', async () => {
    const first = request(10);
    const changed = { ...first, contentDigest: 'c'.repeat(64) };
    const newer = { ...first, model: { name: 'chest', version: '1.1.0' } };
    for (const [key, probability] of [
      [first, 0.1],
      [changed, 0.2],
      [newer, 0.3],
    ] as const)
      await assess(key, probability);
    const asks: StudyAsk[] = [first, changed, newer, { ...first, contentDigest: null }];
    const found = (await assessments.ask(asks)).map(
      (answer) => answer.assessment?.assessment.findings[0]?.probability,
    );
    expect(found).toEqual([0.1, 0.2, 0.3, 0.2]);
  });

  it('another tenant’s result is not found', async () => {
    const mine = request(20);
    const id = await assess(mine, 0.4);
    const [answer] = await assessments.ask([{ ...mine, tenant: 'other' }]);
    expect(answer).toEqual({ assessment: null, job: null, overridden: false });
    expect(await assessments.byId('other', id as string)).toBeNull();
    expect(await assessments.byId('hospital', 'not-a-uuid')).toBeNull();
    expect(await assessments.byId('hospital', id as string)).toMatchObject({ id, private: result().private });
  });

  it('an assessment cannot be changed', async () => {
    await assess(request(30), 0.5);
    await expect(sql`update assessments set status = 'failed'`.execute(database.kysely)).rejects.toThrow(
      'never changed',
    );
  });

  it('calls that come together share statements and get their own answers', async () => {
    await assess(request(40), 0.6);
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, n) =>
        assessments.ask(n % 2 === 0 ? [request(40)] : [request(41), request(40)]),
      ),
    );
    for (const [n, answer] of answers.entries()) {
      expect(answer).toHaveLength(n % 2 === 0 ? 1 : 2);
      expect(answer.at(-1)?.assessment?.assessment.findings[0]?.probability).toBe(0.6);
    }
  });

  it('feedback is stored once however often it comes', async () => {
    const one = card();
    await cards.issued([one]);
    await cards.issued([one]);
    const entries = [
      overridden(one.id),
      overridden(one.id.toUpperCase(), { outcome: 'accepted', overrideReason: null }),
    ];
    await feedback.save('hospital', 'imaging-assessment', entries);
    await feedback.save('hospital', 'imaging-assessment', entries);
    const { rows } = await sql<{ outcome: string; comment: string | null; reason: unknown }>`
      select outcome, comment, reason from feedback where card_id = ${one.id} order by outcome`.execute(
      database.kysely,
    );
    expect(rows).toEqual([
      { outcome: 'accepted', comment: null, reason: null },
      { outcome: 'overridden', comment: 'seen before', reason: overridden(one.id).overrideReason?.reason },
    ]);
  });

  it('feedback on a card of another tenant, of another service or of nobody is refused whole', async () => {
    const one = card();
    await cards.issued([one]);
    for (const [tenant, service, id] of [
      ['other', 'imaging-assessment', one.id],
      ['hospital', 'other-service', one.id],
      ['hospital', 'imaging-assessment', randomUUID()],
      ['hospital', 'imaging-assessment', "x'; drop table feedback; --"],
    ] as const)
      await expect(
        feedback.save(tenant, service, [overridden(one.id), overridden(id)]),
      ).rejects.toMatchObject({ code: 'FEEDBACK_FOREIGN_CARD' });
    const { rows } = await sql`select 1 from feedback where card_id = ${one.id}`.execute(database.kysely);
    expect(rows).toEqual([]);
  });

  it('feedback that comes for the same cards in opposite order at once is all stored', async () => {
    // Many cards, so that the rows of a batch are reached by index, in the order of the batch.
    await cards.issued(Array.from({ length: 5_000 }, () => card()));
    await sql`analyze cards_issued`.execute(database.kysely);
    for (let round = 0; round < 30; round += 1) {
      const issued = Array.from({ length: 40 }, () => card({ userKey: 'user-opposite' }));
      await cards.issued(issued);
      const calls = Array.from({ length: 8 }, (_, n) => {
        const outcomeTimestamp = new Date(Date.UTC(2026, 0, 1, 0, 0, n)).toISOString();
        const entries = issued.map(({ id }) => overridden(id, { outcomeTimestamp }));
        return feedback.save('hospital', 'imaging-assessment', n % 2 === 0 ? entries : entries.reverse());
      });
      const failed = (await Promise.allSettled(calls)).filter((call) => call.status === 'rejected');
      expect(failed).toEqual([]);
    }
    const { rows } = await sql<{ n: number }>`
      select count(*)::integer as n from feedback f join cards_issued c on c.id = f.card_id
      where c.user_key = 'user-opposite'`.execute(database.kysely);
    expect(rows).toEqual([{ n: 30 * 40 * 8 }]);
  });

  it('half a character and a NUL in feedback are stored as the replacement character', async () => {
    const one = card();
    await cards.issued([one]);
    const reason = { code: 'cut \udc00', display: 'whole 🙂' };
    const entry = overridden(one.id, { overrideReason: { reason, userComment: 'cut \ud83d here \0 🙂' } });
    await feedback.save('hospital', 'imaging-assessment', [entry]);
    const { rows } = await sql`select comment, reason from feedback where card_id = ${one.id}`.execute(
      database.kysely,
    );
    expect(rows).toEqual([
      { comment: 'cut \ufffd here \ufffd 🙂', reason: { code: 'cut \ufffd', display: 'whole 🙂' } },
    ]);
  });

  it.each(['0000-01-01T00:00:00.000Z', '-000001-12-31T23:00:00.000Z', '+010000-01-01T00:00:00.000Z'])(
    'a time that the database does not know (%s) is INVALID_REQUEST, and nothing is stored',
    async (outcomeTimestamp) => {
      const one = card();
      await cards.issued([one]);
      const entries = [overridden(one.id), overridden(one.id, { outcomeTimestamp })];
      await expect(feedback.save('hospital', 'imaging-assessment', entries)).rejects.toMatchObject({
        code: 'INVALID_REQUEST',
        status: 400,
      });
      const { rows } = await sql`select 1 from feedback where card_id = ${one.id}`.execute(database.kysely);
      expect(rows).toEqual([]);
    },
  );

  it('a card that this user overrode is known for the same content and version only', async () => {
    const one = card({ studyKey: 'content-a', userKey: 'user-9', finding: null });
    await cards.issued([one]);
    const ask = (userKey: string, studyKey: string, version = '1.0.0'): StudyAsk => ({
      ...request(50),
      model: { name: 'chest', version },
      viewer: { userKey, studyKey },
    });
    const before = await assessments.ask([ask('user-9', 'content-a')]);
    expect(before[0]?.overridden).toBe(false);
    await feedback.save('hospital', 'imaging-assessment', [overridden(one.id)]);
    const after = await assessments.ask([
      ask('user-9', 'content-a'),
      ask('user-8', 'content-a'),
      ask('user-9', 'content-b'),
      ask('user-9', 'content-a', '1.1.0'),
      { ...ask('user-9', 'content-a'), tenant: 'other' },
    ]);
    expect(after.map((answer) => answer.overridden)).toEqual([true, false, false, false, false]);
  });

  it('an override counts for what was seen: of a missing result not for the result that comes later', async () => {
    const key = request(51);
    const ask = () =>
      assessments
        .ask([{ ...key, viewer: { userKey: 'user-7', studyKey: 'content-c' } }])
        .then(([one]) => one);
    const silent = card({ studyKey: 'content-c', userKey: 'user-7', finding: null });
    await cards.issued([silent]);
    await feedback.save('hospital', 'imaging-assessment', [overridden(silent.id)]);
    expect((await ask())?.overridden).toBe(true);
    await assess(key, 0.6);
    expect(await ask()).toMatchObject({ assessment: expect.anything(), overridden: false });
    const spoken = card({ studyKey: 'content-c', userKey: 'user-7' });
    await cards.issued([spoken]);
    await feedback.save('hospital', 'imaging-assessment', [overridden(spoken.id)]);
    expect((await ask())?.overridden).toBe(true);
  });

  it('old cards are forgotten with their feedback', async () => {
    const one = card();
    await cards.issued([one]);
    await feedback.save('hospital', 'imaging-assessment', [overridden(one.id)]);
    expect(await cards.purge(new Date(Date.now() + 60_000))).toBeGreaterThan(0);
    const { rows } = await sql`select 1 from feedback`.execute(database.kysely);
    expect(rows).toEqual([]);
  });

  it('a client token is taken once, of many at the same time too, until it is purged', async () => {
    const expires = new Date(Date.now() + 60_000);
    const uses = await Promise.all(
      Array.from({ length: 10 }, () => replay.firstUse('https://ehr', 'token-1', expires)),
    );
    expect(uses.filter(Boolean)).toHaveLength(1);
    expect(await replay.firstUse('https://ehr', 'token-1', expires)).toBe(false);
    expect(await replay.firstUse('https://other', 'token-1', expires)).toBe(true);
    expect(await replay.purge(new Date())).toBe(0);
    expect(await replay.purge(new Date(expires.getTime() + 1))).toBe(2);
  });

  it('housekeeping forgets what is old and nothing else', async () => {
    const now = new Date();
    await replay.firstUse('https://ehr', 'old', new Date(now.getTime() - 1));
    await replay.firstUse('https://ehr', 'live', new Date(now.getTime() + 60_000));
    await cards.issued([card()]);
    await maintain(database, { now });
    expect(await replay.firstUse('https://ehr', 'live', now)).toBe(false);
    expect(await replay.purge(new Date(now.getTime() + 120_000))).toBe(1);
    expect(await cards.purge(new Date(now.getTime() + 60_000))).toBe(1);
  });

  it('payloads of jobs that ended without a result, or wait for access, are emptied after 7 days; who asks again gives a new one', async () => {
    const [dead, barred, open] = [
      request(70),
      request(71, { credential: 'hook' }),
      request(72, { priority: -1 }),
    ];
    for (const one of [dead, barred, open]) await queue.enqueue(one);
    for (const job of await queue.claim(2)) {
      const access = job.credential === 'hook';
      await queue.fail(job, new ServiceError(access ? 'NEEDS_CREDENTIAL' : 'DICOMWEB_NOT_FOUND'), {
        final: true,
      });
    }
    const payloads = async () => {
      const { rows } = await sql<{ state: string; payload: string }>`
        select state, payload::text as payload from jobs
        where id in (${sql.join([dead, barred, open].map(jobIdOf))}) order by study_uid`.execute(
        database.kysely,
      );
      return rows.map((row) => [row.state, JSON.parse(row.payload)]);
    };
    const day = 86_400_000;
    await maintain(database, { now: new Date(Date.now() + 6.9 * day) });
    expect(await payloads()).toEqual([
      ['dead', { study: 70 }],
      ['needs-credential', { study: 71 }],
      ['queued', { study: 72 }],
    ]);
    await maintain(database, { now: new Date(Date.now() + 7.1 * day) });
    expect(await payloads()).toEqual([
      ['dead', {}],
      ['needs-credential', {}],
      ['queued', { study: 72 }],
    ]);
    // Freeing what dead processes held must not bring one back without what it needs.
    await queue.recover();
    expect((await queue.claim(5)).map((job) => job.payload)).toEqual([{ study: 72 }]);
    const weekLater = createQueue(database, { processId: queue.processId, reviveSeconds: 0 });
    for (const one of [dead, barred]) expect(await weekLater.enqueue(one)).toMatchObject({ fresh: true });
    const jobs = await queue.claim(5);
    expect(new Set(jobs.map((job) => job.payload['study']))).toEqual(new Set([70, 71]));
    for (const job of jobs) await queue.complete(job, result());
  });

  it('old cards and used tokens are found by index, and forgotten however many they are', async () => {
    const db = database.kysely;
    await sql`insert into cards_issued (id, tenant, service, user_key, study_key, model_name, model_version,
        hook_instance, created)
      select gen_random_uuid(), 't', 's', 'u', 's', 'm', '1', 'h', timestamptz '2020-01-01' from generate_series(1, 2500)`.execute(
      db,
    );
    await sql`insert into seen_jti select md5(n::text), timestamptz '2020-01-01' from generate_series(1, 2500) n`.execute(
      db,
    );
    await sql`analyze cards_issued`.execute(db);
    const plan = await sql<{ 'QUERY PLAN': string }>`explain
      select id from cards_issued where created < '2019-01-01' limit 1000`.execute(db);
    expect(plan.rows.map((row) => row['QUERY PLAN']).join()).toContain('cards_issued_created');
    expect(await cards.purge(new Date('2021-01-01'))).toBe(2_500);
    expect(await replay.purge(new Date('2021-01-01'))).toBe(2_500);
  });

  it('housekeeping runs after the start, then again and again, also after it failed, until it is stopped', async () => {
    const old = () => replay.firstUse('https://ehr', 'kept up', new Date(Date.now() - 1));
    expect(await old()).toBe(true);
    const upkeep = startUpkeep(database, silentLog, { firstMs: 50, everyMs: 50 });
    await vi.waitFor(async () => expect(await old()).toBe(true), { timeout: 10_000 });
    await vi.waitFor(async () => expect(await old()).toBe(true), { timeout: 10_000 });
    await upkeep.stop();
    await old();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await old()).toBe(false);

    const away = await openDatabase({ url: 'postgres://fovea@127.0.0.1:1/none' });
    const warn = vi.fn();
    const failing = startUpkeep(away, { ...silentLog, warn }, { firstMs: 10, everyMs: 10 });
    await vi.waitFor(() => expect(warn.mock.calls.length).toBeGreaterThan(1), { timeout: 10_000 });
    expect(warn.mock.calls[0]).toEqual([{ event: 'upkeep-failed', code: 'STORE_UNAVAILABLE' }]);
    await failing.stop();
    await away.close();
  });

  it('text with quotes, backslashes and line ends comes back as it was', async () => {
    const text = `it's \\ "quoted" $1 \n\t '' ; -- é\u2028`;
    const key = request(60, { payload: { text } });
    await queue.enqueue(key);
    const [job] = await queue.claim(1);
    expect(job?.payload).toEqual({ text });
    if (job !== undefined) await queue.complete(job, result());
  });

  it('the read of a hook goes by indexes alone', async () => {
    await fillStore(database, 5_000);
    await sql`analyze`.execute(database.kysely);
    const statement = askStatement([
      { ...request(1), viewer: { userKey: 'user', studyKey: 'study' } },
      { ...request(2), contentDigest: null },
    ]).compile(database.kysely);
    const { rows } = await database.kysely.executeQuery<{ 'QUERY PLAN': string }>({
      ...statement,
      sql: `explain ${statement.sql}`,
    });
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(plan).toMatch(/assessments_once/);
    expect(plan).not.toMatch(/Seq Scan on (assessments|jobs)\b/);
  });
});
