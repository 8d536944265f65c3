import type { Tenant } from '#core/tenant';

const loopback = ['127.0.0.0/8', '::1/128'];
const anywhere = [...loopback, '0.0.0.0/0', '::/0'];

/** The public CDS Hooks sandbox: its issuer, and the origin from which its pages call services in the browser. */
export const publicSandbox = 'https://sandbox.cds-hooks.org';

/**
 * The tenant of `fovea sandbox`: the sandbox EHR on this machine, and the public CDS Hooks sandbox with its FHIR
 * servers. The only one that a call without a token may belong to. `fovea serve` has no such tenant.
 *
 * @param base public address of this Fovea, without a trailing slash
 */
export function sandboxTenant(base: string): Tenant {
  // Under a public address the sandbox may be reached through a proxy of the operator's network.
  const isLocal = /^(localhost|127\.[\d.]+|\[::1\])$/.test(new URL(base).hostname);
  const addresses = isLocal ? loopback : anywhere;
  const own = (path: string) => ({ base: `${base}/sandbox/${path}`, addresses });
  return {
    id: 'sandbox',
    name: 'Sandbox EHR',
    anonymous: true,
    clients: [
      { issuer: `${base}/sandbox/auth`, jwksUrls: [own('auth/jwks.json')] },
      {
        issuer: publicSandbox,
        jwksUrls: [{ base: `${publicSandbox}/.well-known/jwks.json` }],
      },
    ],
    fhirServers: [
      own('fhir'),
      { base: 'https://r4.smarthealthit.org' },
      { base: 'https://launch.smarthealthit.org/v/r4/fhir' },
    ],
    imagingServers: [
      { ...own('dicomweb'), sendToken: true },
      { ...own('dicomweb-slow'), sendToken: true },
    ],
    smart: [
      {
        iss: `${base}/sandbox/fhir`,
        clientId: 'fovea-app',
        authentication: { method: 'private_key_jwt', algorithm: 'ES384' },
        authorizationServers: [own('auth')],
        // The chart page may be opened by either name of this machine: that crosses the site as a real EHR does.
        frameAncestors: isLocal
          ? [base, base.replace('//localhost', '//127.0.0.1'), base.replace('//127.0.0.1', '//localhost')]
          : [new URL(base).origin],
        idleSeconds: 1800,
      },
    ],
    // An example, not a measured share: about one in five children who are sent for a chest radiograph.
    prevalence: { 'chest-xray-pneumonia-paediatric/pneumonia': 0.2 },
    lookbackDays: 3650,
    quietSeconds: 0,
    showLow: true,
    maxStudyBytes: 64 * 2 ** 20,
  };
}
