/** One setting of the environment, as `fovea doctor` and docs/configuration.md list it. */
export interface Setting {
  readonly name: string;
  /** Shown where it is absent. */
  readonly fallback: string;
  readonly about: string;
}

/** Every variable of the environment that Fovea reads. docs/configuration.md is generated from this table. */
export const settings = [
  { name: 'HOST', fallback: '127.0.0.1', about: 'Address to listen on.' },
  { name: 'PORT', fallback: '3000', about: 'Port to listen on; 0 takes a free one.' },
  {
    name: 'FOVEA_PUBLIC_URL',
    fallback: 'http://localhost:PORT',
    about:
      'How callers reach this Fovea, with a base path if there is one. `aud` of a client JWT is held against it. `fovea serve` asks for it where HOST is not loopback.',
  },
  {
    name: 'FOVEA_TRUST_PROXY',
    fallback: 'none',
    about: 'Addresses of proxies whose X-Forwarded-* headers are believed (comma-separated CIDR).',
  },
  {
    name: 'FOVEA_EXTRA_CA',
    fallback: 'none',
    about: 'File with certificate authorities (PEM) to trust besides those of Node.',
  },
  {
    name: 'DATABASE_URL',
    fallback: 'embedded',
    about: 'PostgreSQL connection URL. Absent: an embedded database in FOVEA_DATA.',
  },
  {
    name: 'FOVEA_DATA',
    fallback: './data',
    about: 'Folder of the embedded database, of keys made here and of the site’s own model packages.',
  },
  {
    name: 'FOVEA_CONFIG',
    fallback: 'none',
    about: 'JSON file with tenants, deployments and execution providers (docs/schemas/config.json).',
  },
  {
    name: 'FOVEA_CORS_ORIGINS',
    fallback: 'none',
    about: 'Web origins that may call the CDS Hooks endpoints from a browser (comma-separated).',
  },
  { name: 'FOVEA_BODY_LIMIT', fallback: '8388608', about: 'Largest request body, bytes.' },
  {
    name: 'FOVEA_HOOK_BUDGET_MS',
    fallback: '400',
    about: 'Deadline of one hook call from its arrival, prefetch and FHIR included, milliseconds.',
  },
  {
    name: 'FOVEA_WORKERS',
    fallback: 'number of cores',
    about: 'Threads that decode and infer; 0: this process runs no jobs.',
  },
  {
    name: 'FOVEA_JOB_TIMEOUT_MS',
    fallback: '60000',
    about: 'Longest time that one study may take in a worker, milliseconds.',
  },
  {
    name: 'FOVEA_FETCH_TIMEOUT_MS',
    fallback: '60000',
    about: 'Longest time that fetching one study may take, milliseconds.',
  },
  {
    name: 'FOVEA_PSEUDONYM_KEY_FILE',
    fallback: 'FOVEA_DATA/pseudonym.key, made at the first start',
    about: 'File with the key (32 bytes or more) under which users and studies are pseudonymised.',
  },
  {
    name: 'FOVEA_SMART_KEYS',
    fallback: 'none; `fovea sandbox` makes keys at each start',
    about:
      'File with the private keys (JWK Set, as `fovea keys make` writes it) by which the SMART app proves itself at EHRs that have registered it with private_key_jwt.',
  },
  { name: 'FOVEA_LOG_LEVEL', fallback: 'info', about: 'debug, info, warn, error or silent.' },
  {
    name: 'FOVEA_SANDBOX_TOKENS',
    fallback: 'optional',
    about: 'Sandbox only: required makes its FHIR and DICOMweb servers refuse calls without a token.',
  },
] as const satisfies readonly Setting[];

export type SettingName = (typeof settings)[number]['name'];
