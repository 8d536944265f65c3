/** Specific Character Set (0008,0005): text of a DICOM header to strings. @see DICOM PS3.3 C.12.1.1.2, PS3.5 §6.1 */

const singleByte: Readonly<Record<string, string>> = {
  '6': 'windows-1252',
  '100': 'windows-1252',
  '101': 'iso-8859-2',
  '109': 'iso-8859-3',
  '110': 'iso-8859-4',
  '144': 'iso-8859-5',
  '127': 'iso-8859-6',
  '126': 'iso-8859-7',
  '138': 'iso-8859-8',
  '148': 'windows-1254',
  '203': 'iso-8859-15',
  '13': 'shift_jis',
  '166': 'windows-874',
  '192': 'utf-8',
  '149': 'euc-kr',
  '58': 'gb18030',
};

/** What an ISO 2022 escape sequence switches to: decoder, and the byte form that decoder wants. */
const escapes: readonly {
  readonly sequence: string;
  readonly label: string;
  readonly form?: 'g1' | 'jis-x-0212';
}[] = [
  { sequence: '$)C', label: 'euc-kr' },
  { sequence: '$)A', label: 'gb18030' },
  { sequence: '$(D', label: 'euc-jp', form: 'jis-x-0212' },
  { sequence: '$B', label: 'euc-jp', form: 'g1' },
  { sequence: '$@', label: 'euc-jp', form: 'g1' },
  { sequence: '(B', label: 'windows-1252' },
  { sequence: '(J', label: 'shift_jis' },
  { sequence: ')I', label: 'shift_jis' },
  { sequence: '-A', label: 'windows-1252' },
  { sequence: '-B', label: 'iso-8859-2' },
  { sequence: '-C', label: 'iso-8859-3' },
  { sequence: '-D', label: 'iso-8859-4' },
  { sequence: '-L', label: 'iso-8859-5' },
  { sequence: '-G', label: 'iso-8859-6' },
  { sequence: '-F', label: 'iso-8859-7' },
  { sequence: '-H', label: 'iso-8859-8' },
  { sequence: '-M', label: 'windows-1254' },
  { sequence: '-b', label: 'iso-8859-15' },
  { sequence: '-T', label: 'windows-874' },
];

/** Turns bytes of one value to text. */
export type TextReader = (bytes: Uint8Array) => string;

/** @param terms values of (0008,0005), as written; an unknown or missing term reads as Latin-1 */
export function textReader(terms: readonly string[]): TextReader {
  const first = (terms[0] ?? '').trim().toUpperCase();
  const label = labelOf(first);
  if (label === 'utf-8' || label === 'gb18030' || label === 'gbk') {
    return (bytes) => new TextDecoder(label).decode(bytes);
  }
  return (bytes) =>
    bytes.includes(0x1b) ? decodeIso2022(bytes, label) : new TextDecoder(label).decode(bytes);
}

function labelOf(term: string): string {
  if (term === 'GB18030') return 'gb18030';
  if (term === 'GBK') return 'gbk';
  const number = /^ISO[ _](?:IR|2022 IR)[ _]*(\d+)$/.exec(term)?.[1];
  return (number === undefined ? undefined : singleByte[number]) ?? 'windows-1252';
}

function decodeIso2022(bytes: Uint8Array, initial: string): string {
  let text = '';
  let label = initial;
  let form: 'g1' | 'jis-x-0212' | undefined;
  let from = 0;
  const flush = (to: number): void => {
    if (to > from) text += new TextDecoder(label).decode(shaped(bytes.subarray(from, to), form));
  };
  for (let at = 0; at < bytes.length; at += 1) {
    if (bytes[at] !== 0x1b) continue;
    flush(at);
    const rest = String.fromCharCode(...bytes.subarray(at + 1, at + 4));
    const found = escapes.find(({ sequence }) => rest.startsWith(sequence));
    if (found !== undefined) {
      label = found.label;
      form = found.form;
      at += found.sequence.length;
    }
    from = at + 1;
  }
  flush(bytes.length);
  return text;
}

/** Two-byte JIS sets are written in seven bits; the EUC decoder wants them with the eighth set. */
function shaped(bytes: Uint8Array, form: 'g1' | 'jis-x-0212' | undefined): Uint8Array {
  if (form === undefined) return bytes;
  const out: number[] = [];
  for (let at = 0; at < bytes.length; at += 2) {
    const high = bytes[at]!;
    const low = bytes[at + 1];
    if (low === undefined || high <= 0x20) {
      out.push(high);
      at -= 1;
      continue;
    }
    if (form === 'jis-x-0212') out.push(0x8f);
    out.push(high | 0x80, low | 0x80);
  }
  return Uint8Array.from(out);
}
