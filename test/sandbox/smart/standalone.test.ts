import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callback, type SmartEhr, startSmartEhr } from './smart-ehr.ts';

let ehr: SmartEhr;

beforeAll(async () => {
  ehr = await startSmartEhr({ tokens: 'required' });
});
afterAll(() => ehr.close());

/** A browser as far as these pages need one: cookies by name, redirects one by one. */
function browser() {
  const cookies = new Map<string, string>();
  const go = async (url: string, init: RequestInit = {}): Promise<Response> => {
    const answer = await fetch(url, {
      ...init,
      redirect: 'manual',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
    });
    for (const cookie of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      cookies.set(name, value);
    }
    return answer;
  };
  return { cookies, go };
}

const scope = 'launch/patient openid fhirUser patient/Patient.rs patient/ImagingStudy.rs';

/** Begins a standalone launch; @returns the address of the sign-in and the browser that is there */
async function begin(asked = scope) {
  const { go, cookies } = browser();
  const answer = await go(`${ehr.auth}/authorize?${ehr.request({ scope: asked })}`);
  return { go, cookies, answer, signIn: answer.headers.get('location') ?? '' };
}
const form = (fields: Record<string, string>): RequestInit => ({
  method: 'POST',
  body: new URLSearchParams(fields),
});
/** Follows the redirects up to the app. @returns its query */
async function toApp(go: (url: string) => Promise<Response>, first: Response): Promise<URLSearchParams> {
  for (let answer = first; ; ) {
    const next = answer.headers.get('location') ?? '';
    if (next.startsWith(callback)) return new URL(next).searchParams;
    expect(next).not.toBe('');
    answer = await go(next);
  }
}

describe('a standalone launch', () => {
  it('asks who, then for whom, then whether; and answers with that patient', async () => {
    const { go, signIn } = await begin();
    expect(signIn).toMatch(/\/sandbox\/auth\/interaction\//);
    const who = await (await go(signIn)).text();
    for (const name of ['Dr Ruth Hartmann', 'Jonas Weber', 'Care team nurse', 'Patient, in the portal'])
      expect(who).toContain(name);
    const whom = await (await go(`${signIn}?user=Practitioner/nurse`)).text();
    expect(whom).toContain('value="patient-3"');
    const whether = await (await go(`${signIn}?user=Practitioner/nurse&patient=patient-3`)).text();
    expect(whether).toContain('patient/ImagingStudy.rs');

    const answer = await go(
      signIn,
      form({ user: 'Practitioner/nurse', patient: 'patient-3', decision: 'allow' }),
    );
    const query = await toApp(go, answer);
    expect(query.get('state')).toBe('the-state');
    const { body } = await ehr.exchange(query.get('code') ?? '');
    expect(body).toMatchObject({ patient: 'patient-3', need_patient_banner: true });
    expect(body).not.toHaveProperty('smart_style_url');
    const statuses = ['Patient/patient-3', 'Patient/patient-1', 'Practitioner/nurse'].map(
      async (path) => (await ehr.get(`fhir/${path}`, body['access_token'])).status,
    );
    expect(await Promise.all(statuses)).toEqual([200, 403, 200]);
  });

  it('for the worklist asks for no patient and gives none', async () => {
    const { go, signIn } = await begin('openid fhirUser user/ImagingStudy.rs user/Patient.rs');
    expect(await (await go(`${signIn}?user=Practitioner/nurse`)).text()).toContain('Allow Fovea?');
    const query = await toApp(go, await go(signIn, form({ user: 'Practitioner/nurse', decision: 'allow' })));
    const { body } = await ehr.exchange(query.get('code') ?? '');
    expect(body).not.toHaveProperty('patient');
    expect(body['need_patient_banner']).toBe(false);
    expect((await ehr.get('fhir/ImagingStudy', body['access_token'])).status).toBe(200);
  });

  it('a patient in the portal gets the own record, whatever was chosen', async () => {
    const { go, signIn } = await begin();
    const answer = await go(
      signIn,
      form({ user: 'Patient/patient-1', patient: 'patient-2', decision: 'allow' }),
    );
    const { body } = await ehr.exchange((await toApp(go, answer)).get('code') ?? '');
    expect(body['patient']).toBe('patient-1');
  });

  it('that is not allowed goes back to the app with access_denied', async () => {
    const { go, signIn } = await begin();
    const answer = await go(
      signIn,
      form({ user: 'Practitioner/demo', patient: 'patient-1', decision: 'deny' }),
    );
    expect((await toApp(go, answer)).get('error')).toBe('access_denied');
  });

  it.each([
    ['nobody', {}],
    ['somebody unknown', { user: 'Practitioner/nobody', patient: 'patient-1' }],
    ['no patient', { user: 'Practitioner/demo' }],
    ['an unknown patient', { user: 'Practitioner/demo', patient: 'nobody' }],
  ])('with %s chosen it asks again and grants nothing', async (_, fields) => {
    const { go, signIn } = await begin();
    const answer = await go(signIn, form({ ...fields, decision: 'allow' }));
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '?']);
  });

  it('belongs to the browser that began it', async () => {
    const { signIn } = await begin();
    const answer = await browser().go(signIn, form({ user: 'Practitioner/demo', decision: 'allow' }));
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain('This sign-in has ended');
  });

  it('is answered without a page by prompt=none', async () => {
    expect((await ehr.authorize(ehr.request({ scope, prompt: 'none' })))?.get('error')).toBe(
      'interaction_required',
    );
  });

  it('its cookies hold in a frame of another site on this machine', async () => {
    const { answer } = await begin();
    const set = answer.headers.getSetCookie();
    expect(set.length).toBeGreaterThan(0);
    for (const cookie of set) expect(cookie).toMatch(/HttpOnly.*; SameSite=None; Secure; Partitioned$/i);
    expect(set.some((cookie) => cookie.startsWith('_session'))).toBe(false);
  });

  it('its pages run nothing, stand in no frame and are kept nowhere', async () => {
    const { go, signIn } = await begin();
    const { headers } = await go(signIn);
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
    expect(policy).not.toContain('script-src');
    expect(headers.get('cache-control')).toBe('no-store');
  });
});
