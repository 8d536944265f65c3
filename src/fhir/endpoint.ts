import { requiresAccessTokenExtension, systems } from '#core/identifiers';
import type { ImagingEndpoint } from '#core/imaging';
import { asObject, asObjects, asText, type Json } from './json.ts';

/** Addresses under which the extension has been published; a draft of SMART Imaging Access used the second. */
const accessTokenExtensions: ReadonlySet<unknown> = new Set([
  requiresAccessTokenExtension,
  'http://hl7.org/fhir/smart-imaging-access/StructureDefinition/requires-access-token',
]);

/**
 * A FHIR Endpoint that gives images by WADO-RS: connection type `dicom-wado-rs`, status `active`, an http(s) address
 * without user information, query or fragment. null for anything else.
 *
 * @see FHIR R4 Endpoint; SMART Imaging Access
 */
export function readEndpoint(resource: unknown): ImagingEndpoint | null {
  const endpoint = asObject(resource);
  if (endpoint === null || endpoint['resourceType'] !== 'Endpoint') return null;
  const type = asObject(endpoint['connectionType']);
  if (type?.['code'] !== 'dicom-wado-rs') return null;
  if (type['system'] !== undefined && type['system'] !== systems.endpointConnectionType) return null;
  // The element is required, but the example of SMART Imaging Access is without it.
  if (endpoint['status'] !== undefined && endpoint['status'] !== 'active') return null;
  const address = readAddress(endpoint['address']);
  if (address === null) return null;
  return { address, requiresAccessToken: requiresAccessToken(endpoint) };
}

function requiresAccessToken(endpoint: Json): boolean {
  return asObjects(endpoint['extension']).some(
    (extension) => accessTokenExtensions.has(extension['url']) && extension['valueBoolean'] === true,
  );
}

/** The WADO-RS root without a slash at its end. */
function readAddress(value: unknown): string | null {
  const text = asText(value)?.trim() ?? '';
  if (!/^https?:\/\/[^@\s?#\\]+$/i.test(text) || !URL.canParse(text)) return null;
  return text.replace(/\/+$/, '');
}
