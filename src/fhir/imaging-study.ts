import { systems } from '#core/identifiers';
import type {
  Coding,
  ImagingSource,
  InstanceReference,
  SeriesReference,
  StudyReference,
} from '#core/imaging';
import { readEndpoint } from './endpoint.ts';
import { asCount, asObject, asObjects, asText, type Json } from './json.ts';
import { collectResources, isReferenceToPatient, type ResourceIndex } from './references.ts';

export interface ReadImagingStudiesOptions {
  /** Logical id of the call's patient; studies of others are dropped. */
  readonly patientId: string;
  /** Base of the call's FHIR server, for absolute references. null when the call named none. */
  readonly server: string | null;
}

export interface ImagingStudies {
  /** In the order of the Bundle, each Study Instance UID once. */
  readonly studies: readonly StudyReference[];
  /** Studies of another patient, or of nobody who can be told. */
  readonly foreign: number;
  /** Studies with status `entered-in-error` or `cancelled`. */
  readonly withdrawn: number;
  /** Studies, series and instances without a valid UID. */
  readonly malformed: number;
}

/** Statuses of studies that are not, or no longer, there. */
const withdrawnStatuses: ReadonlySet<unknown> = new Set(['entered-in-error', 'cancelled', 'inactive']);

/** UID as DICOM PS3.5 §9.1 has it; leading zeros of a component are let through, because archives hold such UIDs. */
const uid = /^(?=.{1,64}$)\d+(?:\.\d+)*$/;

/** FHIR dateTime. @see FHIR R4 §dateTime */
const dateTime = /^\d{4}(-\d{2}(-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2}))?)?)?$/;

/**
 * The imaging studies of one patient as the FHIR record describes them. Never throws for what stands in the record:
 * what cannot be read is left out and counted.
 *
 * @param resource an ImagingStudy, a Bundle that holds some (with Endpoints included or not), or anything
 * @see FHIR R4 ImagingStudy, Endpoint; SMART Imaging Access
 */
export function readImagingStudies(resource: unknown, options: ReadImagingStudiesOptions): ImagingStudies {
  const index = collectResources(resource);
  const count = { foreign: 0, withdrawn: 0, malformed: 0 };
  const accepted = new Map<string, { readonly study: Json; readonly base: string | null }>();
  for (const { resource: study, base } of index.ofType('ImagingStudy')) {
    const studyUid = studyInstanceUid(study);
    if (!isReferenceToPatient(study['subject'], options.patientId, options.server, base)) count.foreign++;
    else if (withdrawnStatuses.has(study['status'])) count.withdrawn++;
    else if (studyUid === null) count.malformed++;
    else if (!accepted.has(studyUid)) accepted.set(studyUid, { study, base });
  }
  const studies = [...accepted].map(([studyUid, { study, base }]): StudyReference => {
    const source: FindSource = (references) => findSource(index, references, study, base);
    const series = asObjects(study['series']).map((entry) => readSeries(entry, source));
    const read = series.filter((entry) => entry !== null);
    count.malformed += series.length - read.length + read.reduce((sum, entry) => sum + entry.malformed, 0);
    const started = asText(study['started']);
    return {
      studyInstanceUid: studyUid,
      fhirId: asText(study['id']),
      started: started !== null && dateTime.test(started) ? started : null,
      description: asText(study['description']),
      modalities: modalitiesOf(study, read),
      ...source(study['endpoint']),
      series: read.map((entry) => entry.series),
      numberOfInstances: asCount(study['numberOfInstances']),
    };
  });
  return { studies, ...count };
}

/** Descriptions of the series of every ImagingStudy of a Bundle, by Series Instance UID. */
export function readSeriesDescriptions(resource: unknown): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { resource: study } of collectResources(resource).ofType('ImagingStudy')) {
    for (const series of asObjects(study['series'])) {
      const [uidOfSeries, description] = [readUid(series['uid']), asText(series['description'])];
      if (uidOfSeries !== null && description !== null) found.set(uidOfSeries, description);
    }
  }
  return found;
}

/** The one Study Instance UID of the record, written as `urn:oid:1.2` or `1.2`; null for none or two different ones. */
function studyInstanceUid(study: Json): string | null {
  const uids = asObjects(study['identifier'])
    .filter((identifier) => identifier['system'] === systems.dicomUid)
    .map((identifier) => readUid(identifier['value']));
  const [first = null] = uids;
  return uids.every((other) => other === first) ? first : null;
}

function readUid(value: unknown): string | null {
  const text =
    asText(value)
      ?.trim()
      .replace(/^urn:oid:/i, '') ?? '';
  return uid.test(text) ? text : null;
}

type FindSource = (references: unknown) => ImagingSource;

function readSeries(
  entry: Json,
  source: FindSource,
): { readonly series: SeriesReference; readonly malformed: number } | null {
  const seriesInstanceUid = readUid(entry['uid']);
  if (seriesInstanceUid === null) return null;
  const listed = asObjects(entry['instance']);
  const instances = listed.map(readInstance).filter((instance) => instance !== null);
  return {
    series: {
      seriesInstanceUid,
      modality: codeOf(entry['modality']),
      bodySite: readCoding(entry['bodySite']),
      ...source(entry['endpoint']),
      instances,
    },
    malformed: listed.length - instances.length,
  };
}

function readInstance(entry: Json): InstanceReference | null {
  const sopInstanceUid = readUid(entry['uid']);
  if (sopInstanceUid === null) return null;
  return {
    sopInstanceUid,
    sopClassUid: readUid(asObject(entry['sopClass'])?.['code']),
    number: asCount(entry['number']),
  };
}

/** The code of a Coding, or of the first Coding of a CodeableConcept (as in later versions of FHIR). */
function codeOf(value: unknown): string | null {
  const coding = asObject(value);
  return asText(coding?.['code']) ?? asText(asObjects(coding?.['coding'])[0]?.['code']);
}

function readCoding(value: unknown): Coding | null {
  const coding = asObject(value);
  const [system, code] = [asText(coding?.['system']), asText(coding?.['code'])];
  return system === null || code === null
    ? null
    : { system, code, display: asText(coding?.['display']) ?? code };
}

function modalitiesOf(
  study: Json,
  series: readonly { readonly series: SeriesReference }[],
): readonly string[] {
  const codes = [
    ...asObjects(study['modality']).map(codeOf),
    ...series.map((entry) => entry.series.modality),
  ].filter((code) => code !== null);
  return [...new Set(codes)];
}

/**
 * The first usable Endpoint of a list of references that is contained or in the Bundle, else the references to those
 * that are elsewhere. What is at hand wins over an earlier one that is not: it costs no request.
 */
function findSource(
  index: ResourceIndex,
  references: unknown,
  holder: Json,
  base: string | null,
): ImagingSource {
  const unread = new Set<string>();
  for (const entry of asObjects(references)) {
    const reference = asText(entry['reference']);
    if (reference === null) continue;
    const here = index.find(reference, holder, base);
    const endpoint = readEndpoint(here);
    if (endpoint !== null) return { endpoint, unreadEndpoints: [] };
    if (here !== null || reference.startsWith('#') || /^urn:/i.test(reference)) continue;
    // An Endpoint is asked for as it is now, whichever version the record names.
    unread.add(reference.replace(/\/_history\/[^/]*$/, ''));
  }
  return { endpoint: null, unreadEndpoints: [...unread] };
}
