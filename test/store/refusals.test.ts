import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '#store/database';
import { migrate } from '#store/migrate';
import { probeStore } from '#store/probe';
import { type PostgresServer, postgresInstalled, startPostgres } from '../support/postgres.ts';

describe.skipIf(!postgresInstalled.available)(`a PostgreSQL that refuses ${postgresInstalled.reason}`, () => {
  let server: PostgresServer;
  let url: string;
  beforeAll(async () => {
    server = await startPostgres();
    url = await server.createDatabase('fovea');
    const database = await openDatabase({ url });
    await sql`create role reader login; create role guarded login password 'secret'`.execute(database.kysely);
    // Only this role needs its password; the rest stays as the server was made.
    const { rows } = await sql<{
      file: string;
    }>`select setting as file from pg_settings where name = 'hba_file'`.execute(database.kysely);
    const rules = 'host all guarded 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust';
    await sql
      .raw(`copy (select unnest(string_to_array('${rules}', e'\\n'))) to '${rows[0]?.file}'`)
      .execute(database.kysely);
    await sql`select pg_reload_conf()`.execute(database.kysely);
    await database.close();
  });
  afterAll(() => server.close());

  const as = (user: string) => url.replace('fovea@', `${user}@`);
  it.each([
    ['a database that does not exist', () => url.replace(/fovea$/, 'none'), 'does not exist'],
    ['a user that does not exist', () => as('nobody'), 'refuses the user'],
    ['a wrong password', () => as('guarded:wrong'), 'or its password'],
    ['no password where one is needed', () => as('guarded'), 'or its password'],
    ['TLS that the server has not', () => `${url}?sslmode=verify-full`, 'TLS'],
  ])('%s is STORE_UNAVAILABLE and says what to put right', async (_name, at, told) => {
    const failure = probeStore({ url: at() });
    await expect(failure).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      detail: expect.stringContaining(told),
    });
    // A message repeats neither password nor host.
    await expect(failure).rejects.not.toMatchObject({ message: expect.stringMatching(/wrong|127\.0\.0\.1/) });
  });

  it('the right password is taken', async () => {
    expect(await probeStore({ url: as('guarded:secret') })).toMatchObject({ jobs: null });
  });

  it('a user without the right to make tables is STORE_UNAVAILABLE and says which right it lacks', async () => {
    const database = await openDatabase({ url: as('reader') });
    await expect(migrate(database)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      detail: expect.stringContaining('CREATE'),
    });
    await database.close();
  });
});
