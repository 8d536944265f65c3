import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAppLaunches } from '#assessment/app/launches';
import type { SmartClient } from '#core/app-ports';
import { ServiceError } from '#core/error';
import { createLaunchStore } from '#store/app-launches';
import { browserNamed, type LaunchBench, openLaunches, tokenSeconds } from '../../support/smart-launches.ts';

const [ann, bob] = [browserNamed('a'), browserNamed('b')];

let bench: LaunchBench;
let real: SmartClient;
beforeAll(async () => {
  bench = await openLaunches();
  real = { ...bench.client };
});
afterAll(() => bench.close());
/** The bench with the real client, whatever the test before put into it. */
const open = () => {
  Object.assign(bench.client, real);
  return bench;
};

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no failure',
    (error: unknown) => (error instanceof ServiceError ? error.code : String(error)),
  );

describe('whose launch it is', () => {
  it('a launch opens for its browser and its id together, else there is none (404), and that is logged', async () => {
    const { launches, signIn, logged } = open();
    const id = await signIn(ann);
    expect(await launches.open(ann, id)).toMatchObject({
      launch: id,
      patientId: 'p1',
      user: { reference: 'Practitioner/p1' },
      tenant: { id: 'clinic' },
    });
    expect(await codeOf(launches.open(bob, id))).toBe('NOT_FOUND');
    expect(logged).toContainEqual({ event: 'app-access-refused', code: 'NOT_FOUND' });
    expect(await codeOf(launches.open(ann, '5bd7d9c4-7d0c-4a53-8b67-0d0d4ab4f8ae'))).toBe('NOT_FOUND');
    expect(await codeOf(launches.open(ann, 'x'))).toBe('NOT_FOUND');
    expect(await codeOf(launches.end(bob, id))).toBe('NOT_FOUND');
    expect(await launches.endsAt(bob, id)).toBeNull();
    expect(JSON.stringify(logged)).not.toContain(id);
  });

  it('two patients in two tabs of one browser never mix', async () => {
    const { launches, signIn } = open();
    const [first, second] = [await signIn(ann, 'p1'), await signIn(ann, 'p2')];
    const patients = async () => [
      (await launches.open(ann, first)).patientId,
      (await launches.open(ann, second)).patientId,
    ];
    expect(await patients()).toEqual(['p1', 'p2']);
    const [one, two] = [await launches.open(ann, first), await launches.open(ann, second)];
    expect(await one.accessToken()).not.toBe(await two.accessToken());
    await launches.end(ann, first);
    expect(await codeOf(launches.open(ann, first))).toBe('SMART_SESSION_ENDED');
    expect((await launches.open(ann, second)).patientId).toBe('p2');
  });

  it('S5 state is bound to the browser that began and is good for one answer: forged, replayed and foreign ones are refused', async () => {
    const { launches, ehr } = open();
    const begin = (browser: string) =>
      launches.begin({ browser, iss: ehr.iss, launch: 'l', context: 'patient' });
    const answer = await ehr.signIn(await begin(ann));
    expect(await codeOf(launches.finish(bob, answer))).toBe('SMART_STATE_INVALID');
    expect(await codeOf(launches.finish(ann, { ...answer, state: 'forged' }))).toBe('SMART_STATE_INVALID');
    expect(await codeOf(launches.finish(ann, { code: answer['code'] as string }))).toBe(
      'SMART_STATE_INVALID',
    );
    await launches.finish(ann, answer);
    expect(await codeOf(launches.finish(ann, answer))).toBe('SMART_STATE_INVALID');
  });

  it('a launch waits ten minutes for its answer', async () => {
    const { launches, ehr, wait } = open();
    const answer = await ehr.signIn(
      await launches.begin({ browser: ann, iss: ehr.iss, launch: 'l', context: 'patient' }),
    );
    wait(601);
    expect(await codeOf(launches.finish(ann, answer))).toBe('SMART_STATE_INVALID');
  });

  it('who is signed in must be told, and a registration that was taken away opens nothing', async () => {
    const { launches, ehr, client, database, signIn, now } = open();
    const id = await signIn(ann);
    const unknown = createAppLaunches({
      client: {
        ...client,
        finish: async (pending, answer) => ({ ...(await client.finish(pending, answer)), fhirUser: null }),
      },
      store: createLaunchStore(database),
      tenants: [bench.tenant],
      redirectUri: () => 'http://localhost:3999/app/callback',
      log: { info: () => undefined, warn: () => undefined, error: () => undefined },
      now,
    });
    const answer = await ehr.signIn(
      await unknown.begin({ browser: ann, iss: ehr.iss, launch: 'l', context: 'patient' }),
    );
    expect(await codeOf(unknown.finish(ann, answer))).toBe('SMART_LAUNCH_REFUSED');
    const without = createAppLaunches({
      client,
      store: createLaunchStore(database),
      tenants: [{ ...bench.tenant, smart: [] }],
      redirectUri: () => '',
      log: { info: () => undefined, warn: () => undefined, error: () => undefined },
      now,
    });
    expect(await codeOf(without.open(ann, id))).toBe('SMART_SESSION_ENDED');
    expect(await codeOf(launches.open(ann, id))).toBe('SMART_SESSION_ENDED');
  });
});

describe('what is stored', () => {
  it('S12 nothing of tokens, user, patient, state or the browser’s secret can be read in the database', async () => {
    const { launches, ehr, signIn, database } = open();
    const id = await signIn(ann, 'patient-4711');
    const waiting = await launches.begin({ browser: ann, iss: ehr.iss, launch: 'l', context: 'patient' });
    const { rows } = await sql<{ row: string }>`select app_launches::text as row from app_launches
      where phase in ('open', 'pending')`.execute(database.kysely);
    expect(rows.length).toBeGreaterThanOrEqual(2);
    const dump = rows.map(({ row }) => row).join('\n');
    const session = await launches.open(ann, id);
    const secrets = [
      await session.accessToken(),
      'patient-4711',
      'Practitioner',
      new URL(waiting.url).searchParams.get('state') as string,
      ann,
    ];
    for (const secret of secrets) {
      expect(dump).not.toContain(secret);
      expect(dump).not.toContain(Buffer.from(secret).toString('base64url').slice(2, -4));
    }
  });

  it('what is sealed opens with its browser’s secret only, at its own launch only, and unchanged only', async () => {
    const { launches, signIn, database } = open();
    const [first, second] = [await signIn(ann, 'p1'), await signIn(ann, 'p2')];
    await sql`
      update app_launches a set sealed = b.sealed from app_launches b
      where a.id = ${first} and b.id = ${second}`.execute(database.kysely);
    expect(await codeOf(launches.open(ann, first))).toBe('SMART_SESSION_ENDED');
    // Whoever may write the database can name another browser, and gets nothing by it.
    const taken = await sql<{ hash: string }>`
      update app_launches set browser_hash = encode(sha256(${bob}::bytea), 'hex') where id = ${second}
      returning browser_hash as hash`.execute(database.kysely);
    expect(taken.rows).toHaveLength(1);
    expect(await codeOf(launches.open(bob, second))).toBe('SMART_SESSION_ENDED');
  });
});

describe('how a session ends', () => {
  it('idle, which every call puts off and a look does not', async () => {
    const { launches, registration, signIn, wait } = open();
    const id = await signIn(ann);
    wait(registration.idleSeconds - 60);
    await launches.open(ann, id);
    wait(registration.idleSeconds - 60);
    expect(await launches.endsAt(ann, id)).toBeInstanceOf(Date);
    wait(120);
    expect(await launches.endsAt(ann, id)).toBeNull();
    expect(await codeOf(launches.open(ann, id))).toBe('SMART_SESSION_ENDED');
  });

  it('with its token where the EHR gives no other', async () => {
    const { launches, client, ehr, database, tenant, now, wait } = open();
    const once = createAppLaunches({
      client: {
        ...client,
        finish: async (pending, answer) => ({
          ...(await client.finish(pending, answer)),
          refreshToken: null,
        }),
      },
      store: createLaunchStore(database),
      tenants: [tenant],
      redirectUri: () => 'http://localhost:3999/app/callback',
      log: { info: () => undefined, warn: () => undefined, error: () => undefined },
      now,
    });
    const id = await once.finish(
      ann,
      await ehr.signIn(await once.begin({ browser: ann, iss: ehr.iss, launch: 'l', context: 'patient' })),
    );
    wait(tokenSeconds - 20);
    const session = await launches.open(ann, id);
    expect(await codeOf(session.accessToken())).toBe('SMART_SESSION_ENDED');
    expect(await codeOf(launches.open(ann, id))).toBe('SMART_SESSION_ENDED');
  });

  it('at logout, which revokes its tokens at the EHR', async () => {
    const { launches, ehr, client, signIn, logged } = open();
    const id = await signIn(ann);
    const revoked: string[] = [];
    const { revoke } = client;
    Object.assign(client, {
      revoke: async (...args: Parameters<typeof revoke>) => {
        revoked.push(args[2].accessToken);
        await revoke(...args);
      },
    });
    const session = await launches.open(ann, id);
    const token = await session.accessToken();
    await launches.end(ann, id);
    await launches.end(ann, id);
    expect(revoked).toEqual([token]);
    expect(await codeOf(launches.open(ann, id))).toBe('SMART_SESSION_ENDED');
    expect(logged).toContainEqual({ event: 'app-launch-ended', tenant: 'clinic' });
    expect(ehr.forms.length).toBeGreaterThan(0);
  });

  it('at once, however long the EHR takes to take its tokens back', async () => {
    const { launches, client, signIn, wait, registration } = open();
    const [one, two] = [await signIn(ann), await signIn(ann)];
    Object.assign(client, { revoke: () => new Promise<void>(() => undefined) });
    const before = performance.now();
    await launches.end(ann, one);
    expect(await codeOf(launches.open(ann, one))).toBe('SMART_SESSION_ENDED');
    wait(registration.idleSeconds + 1);
    expect(await codeOf(launches.open(ann, two))).toBe('SMART_SESSION_ENDED');
    expect(performance.now() - before).toBeLessThan(9_000);
  }, 20_000);
});

describe('renewal of the token', () => {
  const refreshes = () => bench.ehr.forms.filter((form) => form.get('grant_type') === 'refresh_token');

  it('S11 calls that need it at the same time renew it once, across processes too; what the EHR rotated is kept', async () => {
    const { launches, another, signIn, wait } = open();
    const other = another();
    const before = refreshes().length;
    const id = await signIn(ann);
    const first = await (await launches.open(ann, id)).accessToken();
    for (const round of [1, 2]) {
      wait(tokenSeconds - 20);
      const sessions = await Promise.all(
        [launches, launches, other, launches, other].map((one) => one.open(ann, id)),
      );
      const tokens = await Promise.all(sessions.map((session) => session.accessToken()));
      expect(new Set(tokens).size).toBe(1);
      expect(tokens[0]).not.toBe(first);
      expect(refreshes()).toHaveLength(before + round);
    }
    const used = refreshes().slice(before);
    expect(new Set(used.map((form) => form.get('refresh_token'))).size).toBe(2);
  });

  it('a refresh token that the EHR refuses ends the session', async () => {
    const { launches, signIn, wait, client } = open();
    const id = await signIn(ann);
    const session = await launches.open(ann, id);
    Object.assign(client, { refresh: () => Promise.reject(new ServiceError('SMART_SESSION_ENDED')) });
    wait(tokenSeconds - 20);
    expect(await codeOf(session.accessToken())).toBe('SMART_SESSION_ENDED');
    expect(await codeOf(launches.open(ann, id))).toBe('SMART_SESSION_ENDED');
  });

  it('an EHR that is away ends nothing: the next call renews', async () => {
    const { launches, signIn, wait, client } = open();
    const id = await signIn(ann);
    const session = await launches.open(ann, id);
    const { refresh } = client;
    Object.assign(client, { refresh: () => Promise.reject(new ServiceError('OUTBOUND_TIMEOUT')) });
    wait(tokenSeconds - 20);
    expect(await codeOf(session.accessToken())).toBe('OUTBOUND_TIMEOUT');
    Object.assign(client, { refresh });
    expect(await session.accessToken()).toEqual(expect.any(String));
  });

  it('tokens that arrive after the logout are given back, not used', async () => {
    const { launches, signIn, wait, client } = open();
    const id = await signIn(ann);
    const session = await launches.open(ann, id);
    const { refresh } = client;
    Object.assign(client, {
      refresh: async (...args: Parameters<typeof refresh>) => {
        const grant = await refresh(...args);
        await launches.end(ann, id);
        return grant;
      },
    });
    wait(tokenSeconds - 20);
    expect(await codeOf(session.accessToken())).toBe('SMART_SESSION_ENDED');
  });
});

describe('a chart from the worklist', () => {
  it('has a launch of its own on the same sign-in, renewed once for both, ended together', async () => {
    const { launches, signIn, wait, ehr } = open();
    const list = await signIn(ann, null);
    const session = await launches.open(ann, list);
    expect(session.patientId).toBeNull();
    const chart = await launches.openPatient(session, ann, 'p7');
    const opened = await launches.open(ann, chart);
    expect(opened).toMatchObject({
      launch: chart,
      patientId: 'p7',
      grant: { needPatientBanner: true, patient: 'p7' },
    });
    expect(await codeOf(launches.openPatient(opened, ann, 'p8'))).toBe('NOT_FOUND');
    expect(await codeOf(launches.openPatient(session, bob, 'p8'))).toBe('NOT_FOUND');
    wait(tokenSeconds - 20);
    const before = ehr.forms.length;
    const tokens = await Promise.all([opened.accessToken(), session.accessToken()]);
    expect(tokens[0]).toBe(tokens[1]);
    expect(ehr.forms.length).toBe(before + 1);
    await launches.end(ann, chart);
    expect(await codeOf(launches.open(ann, list))).toBe('SMART_SESSION_ENDED');
  });
});
