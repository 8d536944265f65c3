import { open } from 'node:fs/promises';
import dicomParser, { type DataSet, type Element } from 'dicom-parser';

/** A data set in the DICOM JSON model, by tag. @see DICOM PS3.18 Annex F */
export type DicomJson = Readonly<
  Record<string, { readonly vr: string; readonly Value?: readonly unknown[] }>
>;

/** Headers are in front of the pixels; more than this is never read of a file. */
const mostHeaderBytes = 256 * 1024;

/**
 * The attributes of a file's header, without pixels and without bulk data.
 * Groups 0002 (file meta) and 7FE0 are left out, as are elements whose VR the file does not say.
 */
export async function datasetJson(file: string): Promise<DicomJson> {
  const handle = await open(file);
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(mostHeaderBytes), 0, mostHeaderBytes, 0);
    return jsonOf(
      dicomParser.parseDicom(new Uint8Array(buffer.subarray(0, bytesRead)), { untilTag: 'x7fe00010' }),
    );
  } finally {
    await handle.close();
  }
}

function jsonOf(dataSet: DataSet): DicomJson {
  const json: Record<string, { vr: string; Value?: unknown[] }> = {};
  for (const [name, element] of Object.entries(dataSet.elements).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (name.startsWith('x0002') || name.startsWith('x7fe0') || element.vr === undefined) continue;
    const values = valuesOf(dataSet, name, element);
    json[name.slice(1).toUpperCase()] = { vr: element.vr, ...(values.length > 0 && { Value: values }) };
  }
  return json;
}

const text = new Set(['AE', 'AS', 'CS', 'DA', 'DT', 'LO', 'SH', 'TM', 'UC', 'UI']);
const longText = new Set(['LT', 'ST', 'UR', 'UT']);
const binary: Readonly<
  Record<string, { size: number; read: (dataSet: DataSet, tag: string, index: number) => number | undefined }>
> = {
  US: { size: 2, read: (dataSet, tag, index) => dataSet.uint16(tag, index) },
  SS: { size: 2, read: (dataSet, tag, index) => dataSet.int16(tag, index) },
  UL: { size: 4, read: (dataSet, tag, index) => dataSet.uint32(tag, index) },
  SL: { size: 4, read: (dataSet, tag, index) => dataSet.int32(tag, index) },
  FL: { size: 4, read: (dataSet, tag, index) => dataSet.float(tag, index) },
  FD: { size: 8, read: (dataSet, tag, index) => dataSet.double(tag, index) },
};

function valuesOf(dataSet: DataSet, tag: string, element: Element): unknown[] {
  const vr = element.vr ?? '';
  if (vr === 'SQ')
    return (element.items ?? []).flatMap(({ dataSet: item }) => (item === undefined ? [] : [jsonOf(item)]));
  const reader = binary[vr];
  if (reader !== undefined) {
    return Array.from({ length: Math.floor(element.length / reader.size) }, (_, index) =>
      reader.read(dataSet, tag, index),
    );
  }
  const whole = dataSet.string(tag);
  if (whole === undefined || whole === '') return [];
  const parts = whole.split('\\').map((part) => part.trim());
  if (text.has(vr)) return parts;
  if (longText.has(vr)) return [whole.trimEnd()];
  if (vr === 'PN') return parts.map((part) => ({ Alphabetic: part }));
  if (vr === 'IS' || vr === 'DS') return parts.map(Number).filter(Number.isFinite);
  return [];
}
