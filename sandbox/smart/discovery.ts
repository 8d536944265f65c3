import type { CapabilityStatementRest } from '@medplum/fhirtypes';
import type { Addresses } from '../addresses.ts';
import { announcedScopes } from './scopes.ts';

const capabilities = [
  'launch-ehr',
  'launch-standalone',
  'authorize-post',
  'client-public',
  'client-confidential-symmetric',
  'client-confidential-asymmetric',
  'context-ehr-patient',
  'context-ehr-encounter',
  'context-standalone-patient',
  'context-banner',
  'context-style',
  'permission-patient',
  'permission-user',
  'permission-offline',
  'permission-online',
  'permission-v2',
  'permission-v1',
  'sso-openid-connect',
  'smart-imaging-access',
];

/** `.well-known/smart-configuration`. @see SMART App Launch 2.2 §Conformance; SMART Imaging Access §Discovery */
export function smartConfiguration({ issuer, dicomWeb }: Addresses): Readonly<Record<string, unknown>> {
  return {
    issuer,
    jwks_uri: `${issuer}/jwks`,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    introspection_endpoint: `${issuer}/introspect`,
    revocation_endpoint: `${issuer}/revoke`,
    grant_types_supported: ['authorization_code', 'refresh_token', 'client_credentials'],
    response_types_supported: ['code'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: [
      'private_key_jwt',
      'client_secret_basic',
      'client_secret_post',
      'none',
    ],
    token_endpoint_auth_signing_alg_values_supported: ['RS384', 'ES384'],
    scopes_supported: announcedScopes,
    capabilities,
    associated_endpoints: [dicomWeb.normal, dicomWeb.slow].map((url) => ({
      url,
      capabilities: ['smart-imaging-access'],
    })),
  };
}

/** The same in the CapabilityStatement, for clients that read it there. @see SMART App Launch 1.0 §Capability statement */
export function securityOf({ issuer }: Addresses): NonNullable<CapabilityStatementRest['security']> {
  const base = 'http://fhir-registry.smarthealthit.org/StructureDefinition';
  return {
    service: [
      {
        coding: [
          {
            system: 'http://terminology.hl7.org/CodeSystem/restful-security-service',
            code: 'SMART-on-FHIR',
          },
        ],
      },
    ],
    extension: [
      {
        url: `${base}/oauth-uris`,
        extension: [
          { url: 'authorize', valueUri: `${issuer}/authorize` },
          { url: 'token', valueUri: `${issuer}/token` },
          { url: 'introspect', valueUri: `${issuer}/introspect` },
          { url: 'revoke', valueUri: `${issuer}/revoke` },
        ],
      },
      ...capabilities.map((valueCode) => ({ url: `${base}/capabilities`, valueCode })),
    ],
  };
}

const shared = {
  dim_border_radius: '8px',
  dim_font_size: '15px',
  dim_spacing_size: '16px',
  font_family_body: "'Inter Variable', system-ui, sans-serif",
  font_family_heading: "'Inter Variable', system-ui, sans-serif",
} as const;

/** The chart's look for apps that open in it, as it is then. @see SMART App Launch 2.2 §Styling */
export const smartStyles = {
  light: {
    color_background: '#ffffff',
    color_error: '#a3172a',
    color_highlight: '#0f5f66',
    color_modal_backdrop: '#061013',
    color_success: '#1c6b3c',
    color_text: '#16262b',
    ...shared,
  },
  dark: {
    color_background: '#172124',
    color_error: '#ff9aa5',
    color_highlight: '#6cc5cb',
    color_modal_backdrop: '#05080a',
    color_success: '#7fd6a2',
    color_text: '#e4ecee',
    ...shared,
  },
} as const;
