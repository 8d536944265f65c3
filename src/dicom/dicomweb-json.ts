import { ServiceError } from '#core/error';
import type { SeriesReference } from '#core/imaging';

/** One instance of a QIDO-RS answer. */
export interface QidoInstance {
  readonly studyInstanceUid: string | null;
  readonly seriesInstanceUid: string;
  readonly sopInstanceUid: string;
  readonly sopClassUid: string | null;
  readonly modality: string | null;
  readonly number: number | null;
}

const tags = {
  sopClassUid: '00080016',
  sopInstanceUid: '00080018',
  modality: '00080060',
  studyInstanceUid: '0020000D',
  seriesInstanceUid: '0020000E',
  instanceNumber: '00200013',
} as const;

const uid = /^(?=.{1,64}$)\d+(?:\.\d+)*$/;

/** The syntax of a UID; leading zeros of a component are let through, because archives hold such UIDs. @see DICOM PS3.5 §9.1 */
export function isUid(text: string): boolean {
  return uid.test(text);
}

/** First value of an attribute; lower-case tags occur. @see DICOM PS3.18 §F.2 */
function firstValue(attributes: object, tag: string): unknown {
  const all = attributes as Readonly<Record<string, unknown>>;
  const attribute = all[tag] ?? all[tag.toLowerCase()];
  if (typeof attribute !== 'object' || attribute === null || !('Value' in attribute)) return undefined;
  return Array.isArray(attribute.Value) ? attribute.Value[0] : undefined;
}

/** A text value without the padding that some servers leave. */
function textOf(attributes: object, tag: string): string | null {
  const value = firstValue(attributes, tag);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: UIDs are padded with NUL in DICOM files
  const text = typeof value === 'string' ? value.replace(/[\u0000 ]+$/, '') : '';
  return text === '' ? null : text;
}

function uidOf(attributes: object, tag: string): string | null {
  const text = textOf(attributes, tag);
  return text !== null && isUid(text) ? text : null;
}

/**
 * The instances of a QIDO-RS answer in the DICOM JSON model. Instances without SOP or Series Instance UID are an
 * invalid answer: leaving them out would make the study look smaller than it is.
 *
 * @throws ServiceError DICOMWEB_INVALID_RESPONSE
 * @see DICOM PS3.18 §10.6.3, Annex F
 */
export function parseInstances(body: Uint8Array): readonly QidoInstance[] {
  let list: unknown;
  try {
    list = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (cause) {
    throw new ServiceError('DICOMWEB_INVALID_RESPONSE', { detail: 'It is not JSON.', cause });
  }
  if (!Array.isArray(list))
    throw new ServiceError('DICOMWEB_INVALID_RESPONSE', { detail: 'It is not a list.' });
  return list.map((entry: unknown): QidoInstance => {
    const attributes = typeof entry === 'object' && entry !== null ? entry : {};
    const sopInstanceUid = uidOf(attributes, tags.sopInstanceUid);
    const seriesInstanceUid = uidOf(attributes, tags.seriesInstanceUid);
    if (sopInstanceUid === null || seriesInstanceUid === null) {
      throw new ServiceError('DICOMWEB_INVALID_RESPONSE', { detail: 'It lists an instance without UID.' });
    }
    // IS is a number in the JSON model; older servers write a string.
    const number = Number(firstValue(attributes, tags.instanceNumber) ?? Number.NaN);
    return {
      studyInstanceUid: uidOf(attributes, tags.studyInstanceUid),
      seriesInstanceUid,
      sopInstanceUid,
      sopClassUid: uidOf(attributes, tags.sopClassUid),
      modality: textOf(attributes, tags.modality),
      number: Number.isSafeInteger(number) && number >= 0 ? number : null,
    };
  });
}

/** Instances grouped by series, in the order given. QIDO-RS names no endpoint and codes no body site. */
export function toSeries(instances: readonly QidoInstance[]): readonly SeriesReference[] {
  const bySeries = new Map<string, QidoInstance[]>();
  for (const instance of instances) {
    const series = bySeries.get(instance.seriesInstanceUid);
    if (series === undefined) bySeries.set(instance.seriesInstanceUid, [instance]);
    else series.push(instance);
  }
  return [...bySeries].map(([seriesInstanceUid, members]) => ({
    seriesInstanceUid,
    modality: members.find((member) => member.modality !== null)?.modality ?? null,
    bodySite: null,
    endpoint: null,
    unreadEndpoints: [],
    instances: members.map(({ sopInstanceUid, sopClassUid, number }) => ({
      sopInstanceUid,
      sopClassUid,
      number,
    })),
  }));
}
