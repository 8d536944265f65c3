/** Canonical URLs, code systems and UID roots, each written once. */

export const canonicalBase = 'https://fovea.health';

/** Fovea's own CodeSystems. */
export const codeSystems = {
  reason: `${canonicalBase}/CodeSystem/reason`,
  overrideReason: `${canonicalBase}/CodeSystem/override-reason`,
  answerReason: `${canonicalBase}/CodeSystem/answer-reason`,
  cardTopic: `${canonicalBase}/CodeSystem/card-topic`,
} as const;

/** Code systems of others. */
export const systems = {
  snomed: 'http://snomed.info/sct',
  radlex: 'http://radlex.org',
  dicom: 'http://dicom.nema.org/resources/ontology/DCM',
  dicomUid: 'urn:dicom:uid',
  endpointConnectionType: 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type',
} as const;

/** FHIR extension on Endpoint that says whether the access token must be sent. @see SMART Imaging Access */
export const requiresAccessTokenExtension =
  'http://hl7.org/fhir/smart-app-launch/StructureDefinition/requires-access-token';

/** Reverse-domain prefix of CDS Hooks extensions. @see CDS Hooks 2.0 §Extensions */
export const extensionPrefix = 'health.fovea';
