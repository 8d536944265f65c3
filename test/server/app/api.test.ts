import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { AppTools, SmartClient } from '#core/app-ports';
import { ServiceError } from '#core/error';
import { outcomeOf } from '../../support/cds-server.ts';
import {
  base,
  openBrowser,
  openSmartRoutes,
  type SmartRoutes,
  signInAs,
  study,
  type TestBrowser,
} from '../../support/smart-routes.ts';

let served: SmartRoutes;
let real: { readonly client: SmartClient; readonly tools: AppTools };
beforeAll(async () => {
  served = await openSmartRoutes();
  real = { client: { ...served.bench.client }, tools: { ...served.tools } };
  await served.app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => served.close());
afterEach(() => {
  Object.assign(served.bench.client, real.client);
  Object.assign(served.tools, real.tools);
});

const signedIn = async (patient?: string | null): Promise<{ browser: TestBrowser; api: string }> => {
  const browser = openBrowser(served);
  return { browser, api: await browser.launch(patient) };
};
const codeOf = (answer: { readonly statusCode: number; readonly body: string }) => [
  answer.statusCode,
  outcomeOf(answer.body).code,
];
const answer = {
  key: '5bd7d9c4-7d0c-4a53-8b67-0d0d4ab4f8ae',
  kind: 'agree',
  finding: 'pneumonia',
  reason: null,
  outcome: null,
  comment: '<script>alert(1)</script>',
};

describe('whose call it is', () => {
  it('two launches of two patients in one browser never mix, in whatever order they are asked', async () => {
    const browser = openBrowser(served);
    const [one, two] = [await browser.launch('p1'), await browser.launch('p2')];
    expect(browser.cookies.size).toBe(1);
    for (const [api, patientId] of [
      [two, 'p2'],
      [one, 'p1'],
      [two, 'p2'],
    ] as const) {
      expect(JSON.parse((await browser.ask(`${api}/chart`)).body)).toMatchObject({ patientId });
      expect(JSON.parse((await browser.ask(api)).body)).toMatchObject({ launch: api.split('/').at(-1) });
    }
  });

  it('a launch of another browser is not there (404), and without a cookie the session has ended (401)', async () => {
    const { api } = await signedIn();
    const { browser: other } = await signedIn();
    for (const path of ['', '/chart', '/worklist', '/chart/events', '/answer-reasons']) {
      expect(codeOf(await other.ask(api + path)), path).toEqual([404, 'NOT_FOUND']);
      expect(codeOf(await openBrowser(served).ask(api + path)), path).toEqual([401, 'SMART_SESSION_ENDED']);
    }
    expect(codeOf(await other.leave(api))).toEqual([404, 'NOT_FOUND']);
  });

  it.each([
    'Patient/1',
    'RelatedPerson/1',
    'Person/1',
    'https://elsewhere.example/fhir/Patient/1',
    'Practitioner',
  ])('somebody who is %s is told who is signed in and nothing else', async (fhirUser) => {
    signInAs(served.bench.client, fhirUser);
    const { browser, api } = await signedIn();
    expect((await browser.ask(api)).statusCode).toBe(200);
    for (const path of ['chart', 'chart/events', 'assessments/a', 'studies/s/pictures', 'worklist'])
      expect(codeOf(await browser.ask(`${api}/${path}`)), path).toEqual([403, 'CLIENT_FORBIDDEN']);
    const write = await browser.post(`${api}/assessments/a/answers`, answer);
    expect(codeOf(write)).toEqual([403, 'CLIENT_FORBIDDEN']);
  });

  it('after the logout there is no session any more', async () => {
    const { browser, api } = await signedIn();
    expect((await browser.leave(api)).statusCode).toBe(204);
    expect(codeOf(await browser.ask(`${api}/chart`))).toEqual([401, 'SMART_SESSION_ENDED']);
    expect((await browser.leave(api)).statusCode).toBe(204);
  });
});

describe('what another site’s page could make a browser send is refused', () => {
  it.each<[string, 'GET' | 'POST', Record<string, string>, number]>([
    ['a write without the app’s own header', 'POST', {}, 403],
    ['a write from a cross-site page', 'POST', { 'x-fovea-app': '1', 'sec-fetch-site': 'cross-site' }, 403],
    ['a write from a sibling host', 'POST', { 'x-fovea-app': '1', 'sec-fetch-site': 'same-site' }, 403],
    ['a write that was typed', 'POST', { 'x-fovea-app': '1', 'sec-fetch-site': 'none' }, 403],
    ['a write of a foreign origin', 'POST', { 'x-fovea-app': '1', origin: 'https://evil.example' }, 403],
    ['the app’s own write', 'POST', { 'x-fovea-app': '1', 'sec-fetch-site': 'same-origin' }, 201],
    ['the app’s own write, told by its origin', 'POST', { 'x-fovea-app': '1', origin: base }, 201],
    ['a read from a cross-site page', 'GET', { 'sec-fetch-site': 'cross-site' }, 403],
    ['a read that was typed', 'GET', { 'sec-fetch-site': 'none' }, 200],
  ])('%s', async (_what, method, headers, status) => {
    const { browser, api } = await signedIn();
    const request =
      method === 'GET'
        ? { method, url: `${api}/chart`, headers }
        : { method, url: `${api}/assessments/a/answers`, headers, payload: answer };
    const got = await browser.ask(request);
    expect(got.statusCode).toBe(status);
    if (status === 403) expect(outcomeOf(got.body).code).toBe('CLIENT_FORBIDDEN');
  });

  it('no answer allows another origin to read it, or any cache to keep it', async () => {
    const { browser, api } = await signedIn();
    const { headers } = await browser.ask({
      url: `${api}/chart`,
      headers: { origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' },
    });
    expect(headers['access-control-allow-origin']).toBeUndefined();
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'cross-origin-resource-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
    });
  });
});

describe('bodies and addresses', () => {
  it.each<[string, unknown]>([
    ['no key', { ...answer, key: undefined }],
    ['a key that is no UUID', { ...answer, key: 'x' }],
    ['another kind', { ...answer, kind: 'like' }],
    ['a number as text', { ...answer, comment: 4711 }],
    ['a comment that is too long', { ...answer, comment: 'x'.repeat(2_001) }],
    ['another outcome', { ...answer, outcome: 'maybe' }],
    ['a field that is not known', { ...answer, by: 'Practitioner/2' }],
    ['a list', [answer]],
  ])('an answer with %s is INVALID_REQUEST, and nothing of it is repeated', async (_what, payload) => {
    const { browser, api } = await signedIn();
    const got = await browser.post(`${api}/assessments/a/answers`, payload as object);
    expect(codeOf(got)).toEqual([400, 'INVALID_REQUEST']);
    expect(got.body).not.toMatch(/4711|script/);
  });

  it('what is well is handed on as it came', async () => {
    const { browser, api } = await signedIn();
    expect(JSON.parse((await browser.post(`${api}/assessments/a/answers`, answer)).body)).toEqual(answer);
    const at = `${api}/studies/s%2F1/pictures/${'k'.repeat(300)}/i1`;
    expect(JSON.parse((await browser.ask(at)).body)).toEqual({
      study: 's/1',
      series: 'k'.repeat(300),
      instance: 'i1',
    });
    const share = `${api}/assessments/a/prevalence?finding=pneumonia&value=0.05`;
    expect(JSON.parse((await browser.ask(share)).body)).toEqual({ finding: 'pneumonia', value: 0.05 });
  });

  it.each(['0', '1', '-0.1', 'x', '1e400', '', '0.1&value=0.2', '0.1&more=1'])(
    'a share of %s is INVALID_REQUEST',
    async (value) => {
      const { browser, api } = await signedIn();
      const got = await browser.ask(`${api}/assessments/a/prevalence?finding=f&value=${value}`);
      expect(codeOf(got)).toEqual([400, 'INVALID_REQUEST']);
    },
  );

  it('a frame is bytes with their transfer syntax, which no browser keeps', async () => {
    const { browser, api } = await signedIn();
    const { statusCode, headers, rawPayload } = await browser.ask(`${api}/studies/s/pictures/e/i/frames/2`);
    expect([statusCode, [...rawPayload]]).toEqual([200, [2, 2, 3]]);
    expect(headers).toMatchObject({
      'content-type': 'application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1',
      'x-transfer-syntax': '1.2.840.10008.1.2.1',
      'cache-control': 'no-store',
    });
    for (const frame of ['0', '-1', 'x', '99999999'])
      expect(codeOf(await browser.ask(`${api}/studies/s/pictures/e/i/frames/${frame}`)), frame).toEqual([
        400,
        'INVALID_REQUEST',
      ]);
  });

  it('an address that is not there, and one of a tool that finds nothing, are NOT_FOUND', async () => {
    const { browser, api } = await signedIn();
    for (const path of ['/nothing', '/assessments/a'])
      expect(codeOf(await browser.ask(api + path)), path).toEqual([404, 'NOT_FOUND']);
  });

  it('a chart opened from the worklist is a launch of its own', async () => {
    const { browser, api } = await signedIn(null);
    const opened = await browser.post(`${api}/open`, { patientKey: 'k9' });
    if (opened.statusCode !== 201) throw new Error(opened.body);
    const { launch, location } = JSON.parse(opened.body) as { launch: string; location: string };
    expect(new URL(location, `${base}${api}/open`).pathname).toBe(`/app/l/${launch}/`);
    expect(JSON.parse((await browser.ask(`/api/launches/${launch}/chart`)).body)).toMatchObject({
      patientId: 'patient-k9',
      launch,
    });
  });
});

describe('server-sent events', () => {
  /** Opens the stream on a socket. */
  const listen = async (browser: TestBrowser, api: string) => {
    const { port } = served.app.server.address() as AddressInfo;
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const request = http.get({ host: '127.0.0.1', port, path: `${api}/chart/events`, headers: { cookie } });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    // One that is broken off says so too.
    response.on('error', () => undefined);
    const ended = new Promise<string>((resolve) => response.on('close', () => resolve(text)));
    return { request, response, text: () => text, ended };
  };
  const until = async (done: () => boolean) => {
    for (let tries = 0; !done() && tries < 200; tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 10));
    expect(done()).toBe(true);
  };
  /** A tool whose studies never settle; tells when it was called back. */
  const pending = () => {
    const state = { over: false };
    Object.assign(served.tools, {
      async *changes(_session: unknown, signal: AbortSignal) {
        yield study('s1');
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        state.over = true;
      },
    });
    return state;
  };

  it('gives each study as it moves, and says when nothing is pending any more', async () => {
    const { browser, api } = await signedIn();
    const { response, ended } = await listen(browser, api);
    expect(response.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    expect(await ended).toBe(
      ':\n\nevent: study\ndata: {"study":{"key":"s1","state":"pending"}}\n\nevent: end\ndata: {}\n\n',
    );
  });

  it('beats while it waits; who goes away is waited for no more', async () => {
    const state = pending();
    const { browser, api } = await signedIn();
    const { request, text } = await listen(browser, api);
    await until(() => text().split('\n:\n').length > 2);
    request.destroy();
    await until(() => state.over);
  });

  it('ends at the logout, at once', async () => {
    const state = pending();
    const { browser, api } = await signedIn();
    const { ended, text } = await listen(browser, api);
    await until(() => text().includes('s1'));
    await browser.leave(api);
    expect(await ended).not.toContain('event: end');
    expect(state.over).toBe(true);
  });

  it('ends at the logout of another launch of its sign-in, however the id is written, and no other does', async () => {
    const before = served;
    // Without a heartbeat, which would find out later.
    served = await openSmartRoutes({ heartbeatMs: 600_000 });
    try {
      await served.app.listen({ host: '127.0.0.1', port: 0 });
      pending();
      const { browser, api } = await signedIn(null);
      const opened = await browser.post(`${api}/open`, { patientKey: 'k1' });
      const { launch } = JSON.parse(opened.body) as { launch: string };
      const other = await signedIn();
      const [chart, own, foreign] = [
        await listen(browser, `/api/launches/${launch}`),
        await listen(browser, await browser.launch()),
        await listen(other.browser, other.api),
      ];
      await until(() => [chart, own, foreign].every(({ text }) => text().includes('s1')));
      await browser.leave(api.replace(/[^/]+$/, (id) => id.toUpperCase()));
      expect(await chart.ended).not.toContain('event: end');
      expect([own, foreign].map(({ response }) => response.closed)).toEqual([false, false]);
    } finally {
      await served.app.close();
      await served.close();
      served = before;
    }
  });

  it('are 32 for one browser at a time; of the others each is answered by a refusal, another browser’s is not', async () => {
    pending();
    const { browser, api } = await signedIn();
    const opened = await Promise.all(Array.from({ length: 32 }, () => listen(browser, api)));
    expect(opened.map(({ response }) => response.statusCode)).toEqual(new Array(32).fill(200));
    const refused = await browser.ask(`${api}/chart/events`);
    expect(codeOf(refused)).toEqual([503, 'OVERLOADED']);
    expect(refused.headers['retry-after']).toBe('30');
    const other = await signedIn();
    const beside = await listen(other.browser, other.api);
    expect(beside.response.statusCode).toBe(200);
    opened.pop()?.request.destroy();
    let again = await listen(browser, api);
    for (let tries = 0; again.response.statusCode !== 200 && tries < 50; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      again = await listen(browser, api);
    }
    expect(again.response.statusCode).toBe(200);
    for (const { request } of [...opened, beside, again]) request.destroy();
  });

  it('ends with its session, and is no use of it', async () => {
    pending();
    const { browser, api } = await signedIn();
    const { ended } = await listen(browser, api);
    served.bench.wait(served.bench.registration.idleSeconds + 1);
    const text = await ended;
    expect(text).toContain('event: failed');
    expect(outcomeOf(/data: (\{"resourceType.*)/.exec(text)?.[1] ?? '{}').code).toBe('SMART_SESSION_ENDED');
  });

  it('a failure on the way is told by its code', async () => {
    Object.assign(served.tools, {
      // biome-ignore lint/correctness/useYield: it fails before its first study
      async *changes() {
        throw new ServiceError('STORE_UNAVAILABLE');
      },
    });
    const { browser, api } = await signedIn();
    expect(await (await listen(browser, api)).ended).toContain('"code":"STORE_UNAVAILABLE"');
  });

  it('ends when the server stops', async () => {
    const other = await openSmartRoutes();
    const before = served;
    served = other;
    try {
      await other.app.listen({ host: '127.0.0.1', port: 0 });
      const state = pending();
      const { browser, api } = await signedIn();
      const { ended, text } = await listen(browser, api);
      await until(() => text().includes('s1'));
      await other.app.close();
      expect(await ended).not.toContain('event: end');
      expect(state.over).toBe(true);
    } finally {
      served = before;
      await other.close();
    }
  });
});
