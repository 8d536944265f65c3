import { describe, expect, it } from 'vitest';
import { sandboxTenant } from '#assessment/sandbox-tenant';

describe('the tenant of the sandbox', () => {
  it('on this machine reaches loopback alone, and only its own servers get the token', () => {
    const { anonymous, fhirServers, imagingServers } = sandboxTenant('http://localhost:3000');
    expect(anonymous).toBe(true);
    const own = [...fhirServers, ...imagingServers].filter(({ base }) =>
      base.startsWith('http://localhost:3000/sandbox/'),
    );
    expect(own).toHaveLength(3);
    for (const { addresses } of own) expect(addresses).toEqual(['127.0.0.0/8', '::1/128']);
    for (const { base, sendToken } of imagingServers)
      expect([base.startsWith('http://localhost:3000/sandbox/dicomweb'), sendToken]).toEqual([true, true]);
  });

  it('under a public address reaches that address, wherever it is', () => {
    const [own] = sandboxTenant('https://fovea.example/base').fhirServers;
    expect(own?.base).toBe('https://fovea.example/base/sandbox/fhir');
    expect(own?.addresses).toContain('0.0.0.0/0');
  });
});
