import { afterEach, describe, expect, it } from 'vitest';
import { sourceAttributeDefinitions } from '#core/source-attributes';
import { serviceId, shippedRecords, type TestApp, type TestAppOptions, testApp } from '../support/app.ts';
import { outcomeOf } from '../support/cds-server.ts';

let served: TestApp;
const serve = async (options: TestAppOptions = {}) => {
  served = await testApp(options);
  return served.app;
};
afterEach(() => served.app.close());

/** What every page for people promises. */
function expectPage(headers: Readonly<Record<string, unknown>>): void {
  expect(headers['content-type']).toBe('text/html; charset=utf-8');
  expect(headers['cache-control']).toBe('no-store');
  expect(headers['referrer-policy']).toBe('no-referrer');
  expect(headers['x-content-type-options']).toBe('nosniff');
  const policy = String(headers['content-security-policy']);
  for (const rule of [
    "default-src 'none'",
    "img-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'self'",
  ])
    expect(policy).toContain(rule);
  expect(policy).not.toMatch(/script-src|\*|https?:|data:/);
}

const html = { accept: 'text/html,application/xhtml+xml' };

describe('/', () => {
  it('says what it is, and that no card is not a negative', async () => {
    const app = await serve();
    const { headers, body } = await app.inject('/');
    expectPage(headers);
    expect(body).toContain('No card is not a negative');
    expect(body).not.toContain('<script');
  });
});

describe('the source attributes of a service', () => {
  const url = `/cds-services/${serviceId}/source-attributes`;

  it('as JSON: each deployed model with all 31, by key, clause and name', async () => {
    const records = await shippedRecords();
    const app = await serve({ records: () => records });
    const { statusCode, headers, body } = await app.inject(url);
    expect(statusCode).toBe(200);
    expect(headers).toMatchObject({ vary: 'accept', 'cache-control': 'no-cache' });
    const told = JSON.parse(body) as {
      service: string;
      models: {
        model: string;
        digest: string;
        attributes: { key: string; text: string; status: string }[];
      }[];
    };
    expect(told.service).toBe(serviceId);
    expect(told.models).toHaveLength(records.length);
    for (const { attributes, digest } of told.models) {
      expect(attributes.map(({ key }) => key)).toEqual(sourceAttributeDefinitions.map(({ key }) => key));
      expect(attributes).toHaveLength(31);
      for (const { status, text } of attributes)
        expect([status, text.length > 0]).toEqual([expect.any(String), true]);
      expect(digest).toMatch(/^[0-9a-f]{64}$/);
    }
  });

  it('as a page, where the reader asks for one: every attribute in words', async () => {
    const records = await shippedRecords();
    const app = await serve({ records: () => records });
    const { headers, body } = await app.inject({ url, headers: html });
    expectPage(headers);
    expect(body.match(/<tr>/g)).toHaveLength(31 * records.length);
    expect(body).toContain('use: research');
  });

  it('of one model and version; of one that is not deployed: MODEL_NOT_FOUND', async () => {
    const [record] = await shippedRecords();
    const first = { ...record!, model: 'a', version: '1.0.0' };
    const app = await serve({
      records: () => [first, { ...first, version: '2.0.0' }, { ...first, model: 'b' }],
    });
    const versions = async (query: string) =>
      (
        JSON.parse((await app.inject(`${url}?${query}`)).body) as { models?: { version: string }[] }
      ).models?.map(({ version }) => version);
    expect(await versions('model=a')).toEqual(['1.0.0', '2.0.0']);
    expect(await versions('model=a&version=2.0.0')).toEqual(['2.0.0']);
    for (const query of ['model=c', 'model=a&version=3', 'model=a&model=b']) {
      const { statusCode, body } = await app.inject(`${url}?${query}`);
      expect([statusCode, outcomeOf(body).code], query).toEqual([404, 'MODEL_NOT_FOUND']);
    }
  });

  it('of a service that does not exist: SERVICE_NOT_FOUND, also for a browser', async () => {
    const app = await serve();
    for (const headers of [{}, html]) {
      const { statusCode, body } = await app.inject({ url: '/cds-services/none/source-attributes', headers });
      expect([statusCode, outcomeOf(body).code]).toEqual([404, 'SERVICE_NOT_FOUND']);
    }
  });

  it('markup in a record stays text', async () => {
    const [record] = await shippedRecords();
    const key = sourceAttributeDefinitions[0]?.key as string;
    const attributes = {
      ...record!.attributes,
      [key]: { ...record!.attributes[key]!, status: 'provided' as const, text: '<img src=x onerror="a()">' },
    };
    const app = await serve({ records: () => [{ ...record!, title: "<b>'&", attributes }] });
    const { body } = await app.inject({ url, headers: html });
    expect(body).toContain('&lt;img src=x onerror=&quot;a()&quot;&gt;');
    expect(body).toContain('&lt;b&gt;&#39;&amp;');
    expect(body).not.toContain('<img');
  });
});
