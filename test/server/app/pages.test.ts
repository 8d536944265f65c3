import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SmartClient } from '#core/app-ports';
import { ServiceError } from '#core/error';
import { browserCookie } from '#server/routes/app/browser';
import { appPageHeaders } from '#server/routes/app/headers';
import { testApp } from '../../support/app.ts';
import { redirectUri } from '../../support/smart-ehr.ts';
import { builtApp, openBrowser, openSmartRoutes, type SmartRoutes } from '../../support/smart-routes.ts';

let served: SmartRoutes;
let real: SmartClient;
beforeAll(async () => {
  served = await openSmartRoutes();
  real = { ...served.bench.client };
});
afterAll(() => served.close());
afterEach(() => {
  Object.assign(served.bench.client, real);
  served.logged.splice(0);
});

const policyOf = (headers: Readonly<Record<string, unknown>>): Map<string, string> =>
  new Map(
    String(headers['content-security-policy'])
      .split('; ')
      .map((part) => [part.replace(/ .*/, ''), part.replace(/^[^ ]+ ?/, '')]),
  );
const launchOf = (iss: string, more = '') => `/app/launch?iss=${encodeURIComponent(iss)}${more}`;

describe('the launch address', () => {
  it('S1 takes iss and launch, and sends the browser to the EHR’s authorization with the registered redirect URI', async () => {
    const { statusCode, headers, cookies } = await served.app.inject(
      launchOf(served.bench.ehr.iss, '&launch=l1'),
    );
    expect(statusCode).toBe(303);
    const { searchParams, origin } = new URL(String(headers.location));
    expect(origin).toBe(served.bench.ehr.authorizationServer);
    expect(Object.fromEntries(searchParams)).toMatchObject({
      launch: 'l1',
      redirect_uri: redirectUri,
      aud: served.bench.ehr.iss,
      code_challenge_method: 'S256',
    });
    expect(cookies).toEqual([
      {
        name: 'fovea-development',
        value: expect.stringMatching(/^[\w-]{43}$/),
        path: '/',
        httpOnly: true,
        secure: true,
        sameSite: 'None',
        partitioned: true,
      },
    ]);
    expect([headers['cache-control'], headers['referrer-policy']]).toEqual(['no-store', 'no-referrer']);
  });

  it('S1 an iss that is not on the list is refused with a page that says what to do, and no page may frame it', async () => {
    const { statusCode, headers, body } = await served.app.inject(
      launchOf('https://evil.example/<script>alert(1)</script>'),
    );
    expect(statusCode).toBe(403);
    expect(body).toContain('SMART_ISS_NOT_ALLOWED');
    expect(body).toContain('Ask the operator');
    expect(body).not.toMatch(/evil|<script>alert| at .*\.ts/);
    expect(policyOf(headers).get('frame-ancestors')).toBe("'none'");
    expect(served.logged).toContainEqual(
      expect.objectContaining({ event: 'app-launch-refused', code: 'SMART_ISS_NOT_ALLOWED' }),
    );
  });

  it.each([
    ['no iss', '/app/launch'],
    ['two', '/app/launch?iss=a&iss=b'],
    ['another context', '/app/launch?iss=https://x.example&context=everything'],
  ])('%s is INVALID_REQUEST, as a page', async (_what, url) => {
    const { statusCode, body } = await served.app.inject(url);
    expect([statusCode, body.includes('INVALID_REQUEST')]).toEqual([400, true]);
  });

  it('a browser keeps its name, so that two launches are of one browser; a name that was not made here is none', async () => {
    const browser = openBrowser(served);
    await browser.ask(launchOf(served.bench.ehr.iss));
    const [first] = [...browser.cookies.values()];
    const again = await browser.ask(launchOf(served.bench.ehr.iss));
    expect(again.cookies).toEqual([]);
    browser.cookies.set('fovea-development', 'short');
    expect((await browser.ask(launchOf(served.bench.ehr.iss))).cookies[0]?.value).not.toBe(first);
  });

  it('where the EHR wants a POST, a form sends itself by a script of a file, and by a button', async () => {
    Object.assign(served.bench.client, {
      begin: async (...args: Parameters<SmartClient['begin']>) => {
        const { pending } = await real.begin(...args);
        const parameters = { scope: 'launch "openid"><script>', state: pending.state };
        return {
          pending,
          authorize: { method: 'POST', url: `${served.bench.ehr.authorizationServer}/auth`, parameters },
        };
      },
    });
    const { statusCode, headers, body } = await served.app.inject(launchOf(served.bench.ehr.iss));
    expect(statusCode).toBe(200);
    expect(body).toContain('<script src="submit.js"></script>');
    expect(body).toContain('value="launch &quot;openid&quot;&gt;&lt;script&gt;"');
    expect(body).toContain('<button type="submit">');
    expect(policyOf(headers).get('form-action')).toBe(`'self' ${served.bench.ehr.authorizationServer}`);
    expect(policyOf(headers).get('frame-ancestors')).toBe('https://ehr.example');
    const script = await served.app.inject('/app/submit.js');
    expect([script.statusCode, script.headers['content-type']]).toEqual([
      200,
      'text/javascript; charset=utf-8',
    ]);
  });

  it('an EHR that is away is a page with its code, logged without its address', async () => {
    Object.assign(served.bench.client, {
      begin: () => Promise.reject(new ServiceError('SMART_SERVER_INVALID')),
    });
    const { statusCode, body } = await served.app.inject(launchOf(served.bench.ehr.iss));
    expect([statusCode, body.includes('SMART_SERVER_INVALID')]).toEqual([502, true]);
    expect(served.logged).toMatchObject([{ event: 'request-failed', route: '/app/launch', status: 502 }]);
  });
});

describe('the way back', () => {
  it('S5 an answer leads to the app by the launch’s own address and goes nowhere else; the second time it is refused', async () => {
    const browser = openBrowser(served);
    const { headers } = await browser.ask(launchOf(served.bench.ehr.iss, '&launch=l1'));
    const query = new URLSearchParams(
      await served.bench.ehr.signIn({ method: 'GET', url: String(headers.location), parameters: {} }),
    );
    const stranger = await openBrowser(served).ask(`/app/callback?${query}`);
    expect([stranger.statusCode, stranger.body.includes('SMART_STATE_INVALID')]).toEqual([400, true]);
    const back = await browser.ask(`/app/callback?${query}`);
    expect([back.statusCode, back.headers.location]).toEqual([
      303,
      expect.stringMatching(/^l\/[0-9a-f-]{36}\/$/),
    ]);
    expect(back.headers['referrer-policy']).toBe('no-referrer');
    const again = await browser.ask(`/app/callback?${query}`);
    expect([again.statusCode, again.body.includes('SMART_STATE_INVALID')]).toEqual([400, true]);
    expect(again.body).not.toContain(query.get('code') as string);
  });

  it('what the EHR says of its refusal is not repeated', async () => {
    const browser = openBrowser(served);
    const { headers } = await browser.ask(launchOf(served.bench.ehr.iss));
    const state = new URL(String(headers.location)).searchParams.get('state') as string;
    const query = new URLSearchParams({
      state,
      error: 'access_denied',
      error_description: '<b>Jane Doe</b>',
    });
    query.set('iss', served.bench.ehr.authorizationServer);
    const { statusCode, body } = await browser.ask(`/app/callback?${query}`);
    expect([statusCode, body.includes('SMART_LAUNCH_REFUSED')]).toEqual([403, true]);
    expect(body).not.toContain('Jane');
  });
});

describe('the app’s page', () => {
  it('is shown to the launch’s own browser, framed by its EHR’s pages only, and runs nothing that is not a file', async () => {
    const browser = openBrowser(served);
    const api = await browser.launch();
    const page = api.replace('/api/launches/', '/app/l/');
    expect((await browser.ask(page)).headers.location).toBe(`${page.slice('/app/l/'.length)}/`);
    const { statusCode, headers, body } = await browser.ask(`${page}/`);
    expect([statusCode, body]).toEqual([200, builtApp.index]);
    const policy = policyOf(headers);
    expect(Object.fromEntries(policy)).toEqual({
      'default-src': "'none'",
      'script-src': "'self' 'wasm-unsafe-eval'",
      'worker-src': "'self'",
      'style-src': expect.stringMatching(/^'self' 'sha256-[\w+/=]+'$/),
      'img-src': "'self' data: blob:",
      'font-src': "'self'",
      'connect-src': "'self'",
      'base-uri': "'none'",
      'form-action': `'self' ${served.bench.ehr.authorizationServer}`,
      'frame-ancestors': 'https://ehr.example',
    });
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'permissions-policy': expect.stringContaining('camera=()'),
    });
  });

  it('is not there for another browser (404), nor without a cookie (401)', async () => {
    const page = `${(await openBrowser(served).launch()).replace('/api/launches/', '/app/l/')}/`;
    const other = openBrowser(served);
    expect((await other.ask(page)).statusCode).toBe(401);
    await other.launch();
    const { statusCode, body } = await other.ask(page);
    expect([statusCode, body.includes('NOT_FOUND')]).toEqual([404, true]);
  });

  it('its files are kept for good by the browser, and are not to be had by another origin', async () => {
    const { statusCode, headers, body } = await served.app.inject('/app/assets/main-1.js');
    expect([statusCode, body]).toEqual([200, builtApp.script]);
    expect(headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect(headers['cross-origin-resource-policy']).toBe('same-origin');
    for (const url of [
      '/app/assets/',
      '/app/assets/..%2findex.html',
      '/app/assets/none.js',
      '/app/index.html',
    ])
      expect((await served.app.inject(url)).statusCode, url).toBeGreaterThanOrEqual(400);
  });
});

it('the public keys are for everybody, and say how long they may be kept', async () => {
  const { headers, body } = await served.app.inject('/.well-known/jwks.json');
  expect(JSON.parse(body)).toEqual({ keys: [{ kty: 'EC', kid: 'k1' }] });
  expect(headers).toMatchObject({
    'cache-control': 'public, max-age=300',
    'access-control-allow-origin': '*',
    'content-type': 'application/json; charset=utf-8',
  });
});

it('without a registration nothing of the app is there', async () => {
  const { app } = await testApp();
  for (const url of ['/app/launch?iss=x', '/app/callback', '/.well-known/jwks.json', '/api/launches/x'])
    expect((await app.inject(url)).statusCode, url).toBe(404);
  await app.close();
});

it.each([
  ['https://fovea.example', '__Host-fovea', true],
  ['http://localhost:3000', 'fovea-development', true],
  ['http://127.0.0.1:3000', 'fovea-development', true],
  ['http://10.1.2.3:3000', 'fovea-development', false],
])(
  'S12 the cookie of %s is %s; it is Secure, partitioned and sent in frames where a browser takes that',
  (base, name, secure) => {
    expect(browserCookie(base)).toEqual({
      name,
      attributes: {
        path: '/',
        httpOnly: true,
        secure,
        partitioned: secure,
        sameSite: secure ? 'none' : 'lax',
      },
    });
  },
);

it('a page of no registration may be framed by nobody', () => {
  expect(policyOf(appPageHeaders([])).get('frame-ancestors')).toBe("'none'");
});
