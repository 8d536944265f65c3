import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ServiceError } from '#core/error';
import { openDatabase } from '#store/database';
import { migrate, migrations } from '#store/migrate';
import { probeStore } from '#store/probe';
import { createQueue } from '#store/queue';
import { describeDatabases, openPlace, type Place, request, result } from '../support/store.ts';

describeDatabases('a look at the database', (kind) => {
  let place: Place;
  beforeAll(async () => {
    place = await openPlace(kind);
  });
  afterAll(() => place.close());

  it('tells the steps that are missing and applies none of them', async () => {
    const options = await place.options();
    const database = await openDatabase(options);
    // The template of the embedded database comes with every step.
    await sql`drop table if exists schema_migrations`.execute(database.kysely);
    await database.close();
    const empty = { version: expect.stringMatching(/^PostgreSQL \d/), stepsAhead: 0 };
    expect(await probeStore(options)).toEqual({ ...empty, stepsBehind: migrations.length, jobs: null });
    expect(await probeStore(options)).toMatchObject({ stepsBehind: migrations.length });
  });

  it('tells a schema that is older or newer than the program, and the jobs by state', async () => {
    const options = await place.options();
    const database = await openDatabase(options);
    await migrate(database);
    await sql`delete from schema_migrations where number > 1`.execute(database.kysely);
    const queue = createQueue(database);
    for (let study = 0; study < 4; study += 1) await queue.enqueue(request(study));
    await queue.enqueue(request(4, { quietSeconds: 60 }));
    const [done, dead] = await queue.claim(2);
    if (done !== undefined) await queue.complete(done, result());
    if (dead !== undefined) await queue.fail(dead, new ServiceError('DICOM_INVALID'), { final: true });
    await database.close();
    const jobs = { queued: 2, running: 0, waiting: 1, 'needs-credential': 0, dead: 1 };
    const behind = migrations.length - 1;
    expect(await probeStore(options)).toMatchObject({ stepsBehind: behind, stepsAhead: 0, jobs });
    expect(await probeStore(options)).toMatchObject({ stepsBehind: behind, stepsAhead: 0, jobs });

    const again = await openDatabase(options);
    await sql`insert into schema_migrations (number, name) select n, 'later' from generate_series(2, 1001) n`.execute(
      again.kysely,
    );
    await again.close();
    expect(await probeStore(options)).toMatchObject({
      stepsBehind: 0,
      stepsAhead: 1_000 - behind,
      jobs,
    });
  });

  if (kind === 'postgres') {
    it('a server that is not there is STORE_UNAVAILABLE', async () => {
      await expect(probeStore({ url: 'postgres://fovea@127.0.0.1:1/none' })).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
      });
    });
    return;
  }

  it('where there is no cluster it says so and makes nothing', async () => {
    const { folder } = (await place.options()) as { folder: string };
    expect(await probeStore({ folder })).toBeNull();
    expect(readdirSync(path.dirname(folder))).not.toContain(path.basename(folder));
    mkdirSync(path.join(folder, 'database'), { recursive: true });
    expect(await probeStore({ folder })).toBeNull();
    expect(readdirSync(folder, { recursive: true })).toEqual(['database']);
  });

  it('what stands in the place of the cluster is STORE_UNAVAILABLE and left as it is', async () => {
    const { folder } = (await place.options()) as { folder: string };
    mkdirSync(path.join(folder, 'database'), { recursive: true });
    writeFileSync(path.join(folder, 'database', 'base'), '');
    await expect(probeStore({ folder })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(readdirSync(folder, { recursive: true }).sort()).toEqual(['database', 'database/base']);
  });

  it('a database in use is DATA_FOLDER_LOCKED', async () => {
    const options = await place.options();
    const database = await openDatabase(options);
    await expect(probeStore(options)).rejects.toMatchObject({ code: 'DATA_FOLDER_LOCKED' });
    await database.close();
  });
});
