import { describe, expect, it } from 'vitest';
import { createAccessTokens } from '#sandbox/access-tokens';

describe('access tokens', () => {
  it('hold for their lifetime and no longer', () => {
    let now = 0;
    const tokens = createAccessTokens(() => now);
    const token = tokens.issue({ patientId: 'a', scope: 'patient/Patient.rs' });
    now = tokens.lifetimeSeconds * 1000 - 1;
    expect(tokens.check(`Bearer ${token}`)).toMatchObject({ kind: 'granted', grant: { patientId: 'a' } });
    now += 1;
    expect(tokens.check(`Bearer ${token}`)).toEqual({ kind: 'refused' });
  });

  it('absent, malformed and foreign are told apart from granted', () => {
    const tokens = createAccessTokens();
    expect(tokens.check(undefined)).toEqual({ kind: 'none' });
    expect(tokens.check('')).toEqual({ kind: 'refused' });
    expect(tokens.check('Basic abc')).toEqual({ kind: 'refused' });
    expect(tokens.check('Bearer abc')).toEqual({ kind: 'refused' });
  });

  it('are never the same twice', () => {
    const tokens = createAccessTokens();
    const grant = { patientId: 'a', scope: '' };
    expect(tokens.issue(grant)).not.toBe(tokens.issue(grant));
  });
});
