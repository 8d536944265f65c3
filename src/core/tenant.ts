/** One outbound origin that a tenant allows. */
export interface AllowedOrigin {
  /** Base URL; a request must have its scheme, host and port and start with its path, e.g. `https://pacs.example.org/dicom-web`. */
  readonly base: string;
  /** Address ranges (CIDR) that the host name may resolve to. Absent: public addresses only. Hospitals list theirs, e.g. `10.20.0.0/16`. */
  readonly addresses?: readonly string[];
  /** DICOMweb only: the hook's access token may be sent here. */
  readonly sendToken?: boolean;
}

/** How a tenant's EHR proves who it is. @see CDS Hooks 2.0 §Trusting CDS Clients */
export interface TenantClient {
  /** `iss` of the client JWT. */
  readonly issuer: string;
  /** Key sets that may be fetched; a `jku` must be one of them. */
  readonly jwksUrls: readonly AllowedOrigin[];
  /** Keys given out of band. */
  readonly jwks?: { readonly keys: readonly Record<string, unknown>[] };
  /** `tenant` claim, when one issuer serves several tenants. */
  readonly tenantClaim?: string;
}

/** How the SMART app signs in at one EHR. @see SMART App Launch 2.2 §Register App with EHR */
export interface SmartRegistration {
  /** The FHIR base that a launch names as `iss`; must be on `fhirServers`. */
  readonly iss: string;
  readonly clientId: string;
  readonly authentication:
    | { readonly method: 'none' }
    | { readonly method: 'client_secret_basic' | 'client_secret_post'; readonly secretFile: string }
    | { readonly method: 'private_key_jwt'; readonly algorithm: 'RS384' | 'ES384' };
  /** Where authorization endpoint, token endpoint and keys may be. */
  readonly authorizationServers: readonly AllowedOrigin[];
  /** Origins whose pages may show the app in a frame, e.g. `https://ehr.example.org`. */
  readonly frameAncestors: readonly string[];
  /** Seconds without a call after which a session ends. */
  readonly idleSeconds: number;
}

/** One EHR that may call. */
export interface Tenant {
  readonly id: string;
  readonly name: string;
  readonly clients: readonly TenantClient[];
  /** A call without a token belongs to this tenant. Sandbox only. */
  readonly anonymous: boolean;
  readonly fhirServers: readonly AllowedOrigin[];
  readonly imagingServers: readonly AllowedOrigin[];
  /** EHRs from which the SMART app may be launched. */
  readonly smart: readonly SmartRegistration[];
  /** Used when an ImagingStudy names no Endpoint: WADO-RS root, must be on `imagingServers`. */
  readonly defaultImagingServer?: string;
  /** Share of the tenant's examined patients that have the finding, by `<model>/<finding>`, in (0, 1). */
  readonly prevalence: Readonly<Record<string, number>>;
  /** Studies that started longer ago are not looked at, days. */
  readonly lookbackDays: number;
  /** A study must have been quiet for this long before its job starts, seconds. */
  readonly quietSeconds: number;
  /** Also show a card for a result in the band `low`. */
  readonly showLow: boolean;
  /** Largest study that is fetched, bytes. */
  readonly maxStudyBytes: number;
}
