import { describe, expect, it } from 'vitest';
import { discoveryOf, serviceTable } from '#cds/discovery';
import type { CdsService } from '#cds/types';
import { ServiceError } from '#core/error';
import { cdsServer, outcomeOf } from '../support/cds-server.ts';

const handle = async () => ({ cards: [] });
const good: CdsService<unknown> = {
  id: 'demo',
  title: 'Demonstration',
  description: 'Shows.',
  hooks: { 'patient-view': { prefetch: {}, handle } },
};

function problemOf(change: Partial<CdsService<unknown>>): string {
  try {
    serviceTable([{ ...good, ...change }]);
  } catch (error) {
    if (error instanceof ServiceError) return `${error.code}: ${error.detail}`;
  }
  return 'none';
}

describe('discovery', () => {
  it('item 1 @4 @5 @6 @13 GET /cds-services answers 200 with an object that lists the services', async () => {
    const { app } = await cdsServer();
    const answer = await app.inject({ url: '/cds-services' });
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(Object.keys(answer.json())).toEqual(['services']);
    expect(answer.json().services).toHaveLength(3);
    expect((await app.inject({ url: '/cds-services/' })).json()).toEqual(answer.json());
  });

  it('item 1 without services the list is an empty array', async () => {
    const { app } = await cdsServer({ services: [] });
    expect((await app.inject({ url: '/cds-services' })).body).toBe('{"services":[]}');
  });

  it('item 2 @7 @8 @9 @10 @11 @12 @29 @35 @36 each service has hook, title, description, id, prefetch by key and usageRequirements', async () => {
    const { app } = await cdsServer();
    expect((await app.inject({ url: '/cds-services' })).json().services[0]).toEqual({
      hook: 'patient-view',
      title: 'Demonstration',
      description: 'Shows what the plugin does.',
      id: 'demo',
      prefetch: {
        patient: 'Patient/{{context.patientId}}',
        conditions: 'Condition?patient={{context.patientId}}&_count=2',
      },
      usageRequirements: 'None.',
    });
  });

  it('item 3 item 4 @3 @11 @12 what a service does not have is left out, never null or empty', () => {
    expect(discoveryOf([good])).toEqual({
      services: [{ hook: 'patient-view', title: 'Demonstration', description: 'Shows.', id: 'demo' }],
    });
    expect(Object.keys(discoveryOf([good]).services[0] ?? {})).toEqual([
      'hook',
      'title',
      'description',
      'id',
    ]);
  });

  it('item 5 item 49 @210 @211 one id under several hooks is announced once for each', async () => {
    const { app } = await cdsServer();
    const { services } = (await app.inject({ url: '/cds-services' })).json();
    expect(services.map(({ id, hook }: { id: string; hook: string }) => `${id} ${hook}`)).toEqual([
      'demo patient-view',
      'demo order-sign',
      'demo encounter-start',
    ]);
  });

  it('item 6 discovery asks for a client JWT whose audience is its own address', async () => {
    const { app, seen } = await cdsServer();
    await app.inject({ url: '/cds-services' });
    await app.inject({ url: '/cds-services/?x=1' });
    expect(seen.audiences).toEqual([
      ['https://cds.example/cds-services'],
      ['https://cds.example/cds-services'],
    ]);
    const refused = await app.inject({ url: '/cds-services', headers: { authorization: 'Bearer refused' } });
    expect(refused.statusCode).toBe(401);
  });

  it('item 6 open discovery asks for no token and verifies the one that comes', async () => {
    const { app, seen } = await cdsServer({ options: { authenticateDiscovery: false } });
    expect((await app.inject({ url: '/cds-services' })).statusCode).toBe(200);
    expect(seen.audiences).toEqual([]);
    const refused = await app.inject({ url: '/cds-services', headers: { authorization: 'Bearer refused' } });
    expect(refused.statusCode).toBe(401);
  });

  it('discovery takes GET and HEAD only', async () => {
    const { app } = await cdsServer();
    expect((await app.inject({ method: 'HEAD', url: '/cds-services' })).statusCode).toBe(200);
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
      const answer = await app.inject({ method, url: '/cds-services' });
      expect(answer.statusCode).toBe(405);
      expect(answer.headers['allow']).toBe('GET, HEAD');
      expect(outcomeOf(answer.body).code).toBe('METHOD_NOT_ALLOWED');
    }
  });
});

describe('a service definition that the standard does not allow stops the start', () => {
  it.each<[string, Partial<CdsService<unknown>>, string]>([
    ['an id that cannot stand in a URL', { id: 'a/b' }, 'Service a/b: its id cannot stand in a URL.'],
    ['an id that begins with a dot', { id: '.a' }, 'Service .a: its id cannot stand in a URL.'],
    ['an id with a space at its end', { id: 'a ' }, 'Service a : its id cannot stand in a URL.'],
    ['no title', { title: ' ' }, 'Service demo: it has no title.'],
    ['no description', { description: '' }, 'Service demo: it has no description.'],
    ['empty usageRequirements', { usageRequirements: '' }, 'Service demo: its usageRequirements are empty.'],
    ['no hook', { hooks: {} }, 'Service demo: it has no hook.'],
    [
      'a private hook without reverse-domain name',
      { hooks: { 'report-view': { prefetch: {}, handle } } },
      'Service demo, report-view: a hook that is not published needs a reverse-domain name.',
    ],
    [
      'an illegal prefetch token',
      { hooks: { 'patient-view': { prefetch: { a: 'Patient/{{today()}}' }, handle } } },
      'Service demo, patient-view: prefetch a: {{today()}} is not a token of patient-view.',
    ],
  ])('%s', (_name, change, detail) => {
    expect(problemOf(change)).toBe(`CONFIG_INVALID: ${detail}`);
  });

  it('two services of one id', () => {
    expect(() => serviceTable([good, good])).toThrow('Two services have the id demo.');
  });

  it('a good one is taken, with every character that an id may have', () => {
    expect(problemOf({})).toBe('none');
    expect(problemOf({ id: 'A1._~-z' })).toBe('none');
    expect(problemOf({ usageRequirements: 'Reads.' })).toBe('none');
  });

  it('the plugin does not register with one', async () => {
    await expect(cdsServer({ services: [{ ...good, title: '' }] as never })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });
});
