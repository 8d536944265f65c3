import { asObject, asObjects, asText, type Json } from './json.ts';
import { collectResources, isReferenceToPatient } from './references.ts';

/** A final report as the record has it. */
export interface FinalReport {
  /** `final`, `amended` or `corrected`. */
  readonly status: string;
  /** FHIR instant as written. */
  readonly issued: string | null;
  readonly conclusion: string | null;
  readonly performer: string | null;
}

/** Search value of the statuses that count. */
export const finalStatuses: readonly string[] = ['final', 'amended', 'corrected'];

/**
 * The final report of each study: by the study's own reference or UID, else by the order or the accession number that
 * both name. Of several the one that was issued last. Reports of another patient are left out.
 *
 * @param reports a Bundle of DiagnosticReports, or anything
 * @param studies the Bundle of ImagingStudies, or anything
 * @returns by logical id of the ImagingStudy
 * @see FHIR R4 DiagnosticReport, ImagingStudy.basedOn
 */
export function readReports(
  reports: unknown,
  studies: unknown,
  { patientId, server }: { readonly patientId: string; readonly server: string | null },
): ReadonlyMap<string, FinalReport> {
  const byToken = new Map<string, FinalReport>();
  for (const { resource, base } of collectResources(reports).ofType('DiagnosticReport')) {
    if (!finalStatuses.includes(asText(resource['status']) ?? '')) continue;
    if (!isReferenceToPatient(resource['subject'], patientId, server, base)) continue;
    const report = readReport(resource);
    for (const token of reportTokens(resource)) {
      const before = byToken.get(token);
      if (before === undefined || instantOf(before) <= instantOf(report)) byToken.set(token, report);
    }
  }
  const found = new Map<string, FinalReport>();
  for (const { resource } of collectResources(studies).ofType('ImagingStudy')) {
    const id = asText(resource['id']);
    const matches = studyTokens(resource).flatMap((token) => byToken.get(token) ?? []);
    // Tokens come from the closest tie to the loosest.
    if (id !== null && matches[0] !== undefined) found.set(id, matches[0]);
  }
  return found;
}

function instantOf({ issued }: FinalReport): number {
  const instant = Date.parse(issued ?? '');
  return Number.isNaN(instant) ? Number.NEGATIVE_INFINITY : instant;
}

function readReport(report: Json): FinalReport {
  const who = [...asObjects(report['resultsInterpreter']), ...asObjects(report['performer'])];
  return {
    status: asText(report['status']) ?? '',
    issued: asText(report['issued']) ?? asText(report['effectiveDateTime']),
    conclusion: asText(report['conclusion']),
    performer: who.map((one) => asText(one['display'])).find((display) => display !== null) ?? null,
  };
}

/** What ties a report to a study. */
function reportTokens(report: Json): readonly string[] {
  return [
    ...asObjects(report['imagingStudy']).flatMap((one) => [
      ...reference('ImagingStudy', one),
      ...uidTokens(one['identifier']),
    ]),
    ...orderTokens(report['basedOn']),
    ...accessionTokens(report['identifier']),
  ];
}

function studyTokens(study: Json): readonly string[] {
  const id = asText(study['id']);
  return [
    ...(id === null ? [] : [`ImagingStudy/${id}`]),
    ...uidTokens(study['identifier']),
    ...orderTokens(study['basedOn']),
    ...accessionTokens(study['identifier']),
  ];
}

function reference(type: string, holder: Json): readonly string[] {
  const match = /(?:^|\/)([A-Z][A-Za-z]+\/[A-Za-z0-9\-.]{1,64})(?:\/_history\/.*)?$/.exec(
    asText(holder['reference']) ?? '',
  );
  return match?.[1]?.startsWith(`${type}/`) === true ? [match[1]] : [];
}

function orderTokens(basedOn: unknown): readonly string[] {
  return asObjects(basedOn).flatMap((one) => [
    ...reference('ServiceRequest', one),
    ...asObjects(one['identifier']).flatMap(valueToken),
  ]);
}

function uidTokens(identifiers: unknown): readonly string[] {
  return asObjects(identifiers)
    .filter((one) => one['system'] === 'urn:dicom:uid')
    .map((one) => `uid ${(asText(one['value']) ?? '').trim().replace(/^urn:oid:/i, '')}`)
    .filter((token) => token !== 'uid ');
}

/** Accession numbers, marked as such. @see HL7 v2-0203, ACSN */
function accessionTokens(identifiers: unknown): readonly string[] {
  return asObjects(identifiers)
    .filter((one) => asObjects(asObject(one['type'])?.['coding']).some((coding) => coding['code'] === 'ACSN'))
    .flatMap(valueToken);
}

function valueToken(identifier: Json): readonly string[] {
  const value = asText(identifier['value']);
  return value === null ? [] : [`identifier ${asText(identifier['system']) ?? ''} ${value}`];
}
