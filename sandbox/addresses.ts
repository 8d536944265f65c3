/** Where the parts of the sandbox answer, as callers outside of it see them. */
export interface Addresses {
  /** Base of everything, without a trailing slash, e.g. `http://localhost:3000/sandbox`. */
  readonly base: string;
  readonly fhirServer: string;
  /** WADO-RS roots by the endpoint of a case. `foreign` is on a host that nobody allows and nothing answers there. */
  readonly dicomWeb: Readonly<Record<'normal' | 'slow' | 'foreign', string>>;
  /** `iss` of the client JWT. */
  readonly issuer: string;
  /** `jku` of the client JWT. */
  readonly jwksUrl: string;
}

/** @param base public address of the sandbox, without a trailing slash */
export function addressesBelow(base: string): Addresses {
  return {
    base,
    fhirServer: `${base}/fhir`,
    dicomWeb: {
      normal: `${base}/dicomweb`,
      slow: `${base}/dicomweb-slow`,
      foreign: 'https://pacs.elsewhere.example/dicom-web',
    },
    issuer: `${base}/auth`,
    jwksUrl: `${base}/auth/jwks.json`,
  };
}

/** Whether an address is one of this machine's own. */
export function isOnThisMachine(address: string): boolean {
  return /^(localhost|127\.[\d.]+|\[::1\])$/.test(new URL(address).hostname);
}
