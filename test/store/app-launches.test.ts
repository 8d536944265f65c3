import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createLaunchStore, type LaunchStore, type NewLaunch } from '#store/app-launches';
import { createAssessments } from '#store/assessments';
import type { Database } from '#store/database';
import { studyHash } from '#store/keys';
import { maintain } from '#store/maintain';
import { createQueue } from '#store/queue';
import { describeDatabases, openPlace, type Place, request, result } from '../support/store.ts';

const at = new Date('2026-11-20T12:00:00Z');
const later = (seconds: number) => new Date(at.getTime() + seconds * 1000);
const mine = 'a'.repeat(64);
const other = 'b'.repeat(64);

describeDatabases('launches of the app', (kind) => {
  let place: Place;
  let database: Database;
  let store: LaunchStore;
  beforeAll(async () => {
    place = await openPlace(kind);
    database = await place.open();
    store = createLaunchStore(database);
  });
  afterAll(() => place.close());

  const launch = (more: Partial<NewLaunch> = {}): NewLaunch => ({
    id: randomUUID(),
    browserHash: mine,
    tenant: 'clinic',
    iss: 'https://ehr.example/fhir',
    sealed: 'sealed',
    idleSeconds: 600,
    expires: later(600),
    ...more,
  });
  const open = async (more: Partial<NewLaunch & { readonly parent: string }> = {}) => {
    const made = { ...launch(), parent: null, seen: at, ...more };
    await store.addOpen(made);
    return made.id;
  };
  const rows = async () => {
    const { rows: found } = await sql<{ id: string }>`select id from app_launches`.execute(database.kysely);
    return new Set(found.map(({ id }) => id));
  };

  it('one that waits is taken once, by its own browser, before it expires', async () => {
    const [stateHash, late] = [randomUUID(), randomUUID()];
    const waits = { ...launch(), stateHash };
    await store.addPending(waits, at);
    await store.addPending({ ...launch(), stateHash: late }, at);
    expect(await store.takePending(other, stateHash, at)).toBeNull();
    expect(await store.takePending(mine, 'another', at)).toBeNull();
    expect(await store.takePending(mine, late, later(601))).toBeNull();
    const taken = await Promise.all([1, 2, 3].map(() => store.takePending(mine, stateHash, at)));
    expect(taken.filter((one) => one !== null)).toEqual([{ id: waits.id, sealed: 'sealed' }]);
    expect(await store.find(mine, waits.id)).toBeNull();
  });

  it('an open one is found by its browser and its id together', async () => {
    const id = await open();
    expect(await store.find(mine, id)).toMatchObject({ id, root: id, seen: at, expires: later(600) });
    expect(await store.find(other, id)).toBe('foreign');
    expect(await store.find(mine, randomUUID())).toBeNull();
    expect(await store.find(mine, 'no-uuid')).toBeNull();
  });

  it('one opened from another uses its sign-in, is as idle, and ends with it', async () => {
    const root = await open({ sealed: 'tokens' });
    const chart = await open({ sealed: 'patient', parent: root });
    await store.touch(root, later(60));
    expect(await store.find(mine, chart)).toMatchObject({
      root,
      sealed: 'patient',
      rootSealed: 'tokens',
      seen: later(60),
    });
    await store.end(root);
    expect([await store.find(mine, chart), await store.find(mine, root)]).toEqual(['ended', 'ended']);
    const { rows: left } = await sql`select sealed from app_launches where id in (${root}, ${chart})`.execute(
      database.kysely,
    );
    expect(left).toEqual([{ sealed: null }, { sealed: null }]);
  });

  it('a renewal is one caller’s until it ends or its time is over; what comes after that is not stored', async () => {
    const id = await open();
    const taken = await Promise.all([10, 20].map((n) => store.startRenewal(id, later(n), at)));
    expect(taken.filter(Boolean)).toHaveLength(1);
    const until = later(taken[0] ? 10 : 20);
    expect(await store.startRenewal(id, later(50), later(5))).toBe(false);
    expect(await store.startRenewal(id, later(50), later(30))).toBe(true);
    expect(await store.endRenewal(id, until, { sealed: 'late', expires: later(900) })).toBe(false);
    expect(await store.endRenewal(id, later(50), { sealed: 'new', expires: later(900) })).toBe(true);
    expect(await store.find(mine, id)).toMatchObject({ rootSealed: 'new', expires: later(900) });
    expect(await store.startRenewal(id, later(70), later(60))).toBe(true);
    expect(await store.endRenewal(id, later(70), null)).toBe(true);
    expect(await store.find(mine, id)).toMatchObject({ rootSealed: 'new', expires: later(900) });
  });

  it('housekeeping forgets those that expired, and each new launch some that were never finished', async () => {
    const [old, young] = [await open({ expires: later(-1) }), await open({ expires: later(1) })];
    await open({ parent: old, expires: later(-1) });
    await maintain(database, { now: at });
    expect(await rows()).toContain(young);
    expect(await rows()).not.toContain(old);
    const abandoned = { ...launch({ expires: later(-1) }), stateHash: randomUUID() };
    await store.addPending(abandoned, at);
    expect(await rows()).toContain(abandoned.id);
    await store.addPending({ ...launch(), stateHash: randomUUID() }, at);
    expect(await rows()).not.toContain(abandoned.id);
  });

  it('an answer cannot be changed, is there once a key, and goes with its assessment', async () => {
    const queue = createQueue(database);
    const asked = request(1);
    await queue.enqueue(asked);
    const [job] = await queue.claim(1);
    if (job === undefined) throw new Error('nothing to claim');
    await queue.complete(job, result());
    const [known] = await createAssessments(database).ask([asked]);
    const assessment = known?.assessment?.id as string;
    const key = randomUUID();
    const add = (id: string, tenant = 'hospital') =>
      sql`
        insert into answers (id, tenant, key, assessment_id, study_hash, kind, by_server, by_reference)
        values (${id}, ${tenant}, ${key}, ${assessment}, ${studyHash(tenant, '2.25.1')}, 'agree',
          'https://ehr.example/fhir', 'Practitioner/1')
        on conflict (tenant, key) do nothing returning id`.execute(database.kysely);
    expect((await add(randomUUID())).rows).toHaveLength(1);
    expect((await add(randomUUID())).rows).toHaveLength(0);
    expect((await add(randomUUID(), 'other')).rows).toHaveLength(1);
    await expect(sql`update answers set comment = 'x'`.execute(database.kysely)).rejects.toThrow(
      'never changed',
    );
    await sql`delete from assessments where id = ${assessment}`.execute(database.kysely);
    expect((await sql`select id from answers`.execute(database.kysely)).rows).toEqual([]);
  });
});
