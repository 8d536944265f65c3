import type { TextReader } from './character-set.ts';
import { type DataSet, valueBytes } from './data-set.ts';

/** Reading values by type. Nothing here throws: a value that is odd, missing or too long is null or absent. */

const longestText = 64 * 1024;

/** One value of a text element with its padding removed; null when absent, empty or longer than 64 KiB. */
export function text(dataSet: DataSet, tag: number, read?: TextReader): string | null {
  const bytes = valueBytes(dataSet, tag);
  if (bytes === null || bytes.length > longestText) return null;
  const value = read === undefined ? Buffer.from(bytes).toString('latin1') : read(bytes);
  const trimmed = value.replace(/[\0\s]+$/, '').replace(/^[\0\s]+/, '');
  return trimmed === '' ? null : trimmed;
}

/** The values of a text element, each trimmed; empty ones stay as ''. */
export function texts(dataSet: DataSet, tag: number, read?: TextReader): readonly string[] {
  return (
    text(dataSet, tag, read)
      ?.split('\\')
      .map((value) => value.trim()) ?? []
  );
}

/** A CS value in upper case. */
export function code(dataSet: DataSet, tag: number): string | null {
  const first = texts(dataSet, tag)[0];
  return first === undefined || first === '' ? null : first.toUpperCase();
}

/**
 * The values of a numeric element, whatever its VR: DS and IS as text, US, SS, UL, SL, FL and FD as binary, and a
 * binary value of unknown VR by `kind`. A value that is no finite number is null.
 */
export function numbers(
  dataSet: DataSet,
  tag: number,
  kind: 'decimal' | 'unsigned16' | 'signed16' | 'unsigned32' | 'float32' | 'float64',
): readonly (number | null)[] {
  const element = dataSet.elements.get(tag);
  const bytes = valueBytes(dataSet, tag);
  if (element === undefined || bytes === null) return [];
  const vr = element.vr === 'UN' || element.vr === 'OW' || element.vr === 'OB' ? null : element.vr;
  const form = (vr === null ? undefined : byVr[vr]) ?? kind;
  if (form === 'decimal') return texts(dataSet, tag).map(decimal);
  const [size, read] = binary[form];
  const out: (number | null)[] = [];
  for (let at = 0; at + size <= bytes.length; at += size) {
    const value = read(dataSet.view, element.offset + at, dataSet.littleEndian);
    out.push(Number.isFinite(value) ? value : null);
  }
  return out;
}

type Binary = 'unsigned16' | 'signed16' | 'unsigned32' | 'signed32' | 'float32' | 'float64';

const byVr: Readonly<Record<string, Binary | 'decimal'>> = {
  DS: 'decimal',
  IS: 'decimal',
  US: 'unsigned16',
  SS: 'signed16',
  UL: 'unsigned32',
  SL: 'signed32',
  FL: 'float32',
  FD: 'float64',
};

const binary: Readonly<
  Record<Binary, readonly [number, (view: DataView, at: number, little: boolean) => number]>
> = {
  unsigned16: [2, (view, at, little) => view.getUint16(at, little)],
  signed16: [2, (view, at, little) => view.getInt16(at, little)],
  unsigned32: [4, (view, at, little) => view.getUint32(at, little)],
  signed32: [4, (view, at, little) => view.getInt32(at, little)],
  float32: [4, (view, at, little) => view.getFloat32(at, little)],
  float64: [8, (view, at, little) => view.getFloat64(at, little)],
};

function decimal(value: string): number | null {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(value)) return null;
  const parsed = Number(value);
  return Number.isFinite(parsed) ? parsed : null;
}

/** The first number of an element; null when absent or odd. */
export function number(
  dataSet: DataSet,
  tag: number,
  kind: Parameters<typeof numbers>[2] = 'decimal',
): number | null {
  return numbers(dataSet, tag, kind)[0] ?? null;
}

/** A DA value as `YYYY-MM-DD`; the old form with dots is read too. null when it is no date. */
export function date(dataSet: DataSet, tag: number): string | null {
  const match = /^(\d{4})\.?(\d{2})\.?(\d{2})/.exec(texts(dataSet, tag)[0] ?? '');
  if (match === null) return null;
  const [, year, month, day] = match;
  const iso = `${year}-${month}-${day}`;
  const parsed = new Date(`${iso}T00:00:00Z`);
  return Number.isNaN(parsed.getTime()) || parsed.toISOString().slice(0, 10) !== iso ? null : iso;
}

/** An AS value in years: `012Y`, `018M`, `006W`, `030D`. null when it has another form. */
export function ageYears(dataSet: DataSet, tag: number): number | null {
  const match = /^(\d{1,3})([DWMY])$/.exec(texts(dataSet, tag)[0]?.toUpperCase() ?? '');
  if (match === null) return null;
  const perYear = { D: 365.25, W: 365.25 / 7, M: 12, Y: 1 }[match[2] as 'D' | 'W' | 'M' | 'Y'];
  return Number(match[1]) / perYear;
}
