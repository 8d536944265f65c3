import { describe, expect, it } from 'vitest';
import { createCredentials } from '#assessment/credentials';
import { createPseudonyms, contentDigest as digestOf, imagesDigest } from '#assessment/identity-keys';
import type { ChartPatient, StudyReference } from '#core/imaging';

const study = (
  uids: readonly (readonly string[])[],
  numberOfInstances: number | null = null,
): StudyReference => ({
  studyInstanceUid: '1.2.3',
  fhirId: null,
  started: null,
  description: null,
  modalities: [],
  endpoint: null,
  unreadEndpoints: [],
  numberOfInstances,
  series: uids.map((instances, index) => ({
    seriesInstanceUid: `1.2.3.${index}`,
    modality: null,
    bodySite: null,
    endpoint: null,
    unreadEndpoints: [],
    instances: instances.map((sopInstanceUid) => ({ sopInstanceUid, sopClassUid: null, number: null })),
  })),
});

const patient: ChartPatient = { fhirId: 'p1', identifiers: ['A', 'B'], birthDate: '2023-01-01', sex: 'male' };
const contentDigest = (one: StudyReference, whose: Partial<ChartPatient> = {}) =>
  digestOf(imagesDigest(one), { ...patient, ...whose });

describe('what identifies the content of a study', () => {
  it('another identity of the chart is another content, in whatever order it names its identifiers', () => {
    const whole = contentDigest(study([['1']]));
    for (const other of [{ identifiers: ['A'] }, { birthDate: null }, { sex: 'female' as const }])
      expect(contentDigest(study([['1']]), other)).not.toBe(whole);
    expect(contentDigest(study([['1']]), { identifiers: ['B', 'A'] })).toBe(whole);
  });

  it('the order of the instances does not matter', () => {
    expect(contentDigest(study([['9', '1'], ['5']]))).toBe(contentDigest(study([['5', '1'], ['9']])));
  });
  it('one instance more is another content', () => {
    expect(contentDigest(study([['1']]))).not.toBe(contentDigest(study([['1', '2']])));
  });
  it('without listed instances their number counts', () => {
    expect(contentDigest(study([[]], 1))).not.toBe(contentDigest(study([[]], 2)));
    expect(contentDigest(study([[]], 2))).toBe(contentDigest(study([[]], 2)));
  });
});

describe('pseudonyms', () => {
  const key = new Uint8Array(32).fill(7);
  it('differ by tenant, user, content and key, and hold nothing of what they stand for', () => {
    const one = createPseudonyms(key);
    expect(one.user('a', 'Practitioner/1')).toMatch(/^[0-9a-f]{32}$/);
    expect(one.user('a', 'Practitioner/1')).toBe(createPseudonyms(key).user('a', 'Practitioner/1'));
    expect(one.user('a', 'Practitioner/1')).not.toBe(one.user('b', 'Practitioner/1'));
    expect(one.user('a', 'x')).not.toBe(createPseudonyms(new Uint8Array(32)).user('a', 'x'));
    expect(one.study('a', '1.2', 'd1')).not.toBe(one.study('a', '1.2', 'd2'));
    // Parts are delimited: no two different triples run together to the same text.
    expect(one.study('a', '1', '2')).not.toBe(one.study('a', '12', ''));
  });
});

describe('credentials', () => {
  it('a token is there while it lives, the longer-lived one wins, and it is gone when dropped or expired', () => {
    let now = 1000;
    const credentials = createCredentials(() => now);
    credentials.hold('job', { token: 'short', expiresAt: 2000 });
    credentials.hold('job', { token: 'long', expiresAt: 3000 });
    credentials.hold('job', { token: 'shorter', expiresAt: 1500 });
    expect(credentials.tokenFor('job')).toBe('long');
    expect(credentials.tokenFor('other')).toBeNull();
    now = 3000;
    expect(credentials.tokenFor('job')).toBeNull();
    credentials.hold('job', { token: 'again', expiresAt: 9000 });
    credentials.drop('job');
    expect(credentials.tokenFor('job')).toBeNull();
  });
});
